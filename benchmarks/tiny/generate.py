"""All text that tiny is trained on: questions with one right answer, and the conversations they make up.

Seeded and pure standard library: the same `random.Random` gives the same text. It does not know tokens or models.

A question belongs to a task and has a canonical key: what is asked, without how it is phrased. A hash of task and key
decides, once and for all, whether the question is held out. Every phrasing of a held-out key is held out with it, and
so is what would give its answer away: `7 + 12` with `12 + 7`, 3 km in metres with 3000 metres in km.

The calendar, and the units whose factor is no power of ten, are tables to be known by heart: an entry that is never
seen cannot be known. Their keys therefore contain the phrasing: what is held out is an entry in words that it was not
seen in.
"""

import hashlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from words import (
    COLOURS,
    DAYS,
    LETTERS,
    MONTHS,
    NAMES,
    PLACES,
    THINGS,
    WHOLE,
    WORDS,
    any_word,
    invented_word,
    random_letters,
)

SEED = 20
HELD_OUT_SHARE = 0.1
QUESTIONS = 500

Key = tuple[str | int, ...]


@dataclass(frozen=True)
class Question:
    """One question in one phrasing.

    Attributes:
        task: family the question belongs to, one of `TASKS`.
        key: what is asked; empty for what is never held out.
        prompt: the user's words.
        answer: the only right answer.
    """

    task: str
    key: Key
    prompt: str
    answer: str


@dataclass(frozen=True)
class Conversation:
    """Turns of (prompt, answer), with a system message or without; `is_plain` marks one turn without chat markup."""

    turns: tuple[tuple[str, str], ...]
    system: str | None = None
    is_plain: bool = False


Maker = Callable[[Random], Question]


def is_held_out(task: str, key: Key) -> bool:
    """Return whether the question is kept out of training, by a hash that no random state touches."""
    if not key:
        return False
    digest = hashlib.sha256(f"{task}|{'|'.join(map(str, key))}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64 < HELD_OUT_SHARE


# --- sums -------------------------------------------------------------------------------------------------------------

_PLUS = (
    "{a} + {b} =", "{a} + {b}", "{a}+{b}", "What is {a} + {b}?", "What is {a} plus {b}?", "How much is {a} + {b}?",
    "Add {a} and {b}.", "I have {a} {things} and get {b} more. How many {things} do I have?",
)  # fmt: skip
_MINUS = (
    "{a} - {b} =", "{a} - {b}", "{a}-{b}", "What is {a} - {b}?", "What is {a} minus {b}?", "How much is {a} - {b}?",
    "Subtract {b} from {a}.", "I have {a} {things} and give away {b}. How many {things} are left?",
)  # fmt: skip


def _operand(rng: Random) -> int:
    """Return 0 to 99; one-digit numbers more often than their share, for people type them often."""
    return rng.randrange(10) if rng.random() < 0.2 else rng.randrange(100)


def _add(rng: Random) -> Question:
    a, b = _operand(rng), _operand(rng)
    prompt = rng.choice(_PLUS).format(a=a, b=b, things=rng.choice(THINGS) + "s")
    return Question("add", (min(a, b), max(a, b)), prompt, str(a + b))


def _subtract(rng: Random) -> Question:
    a, b = sorted((_operand(rng), _operand(rng)), reverse=True)
    prompt = rng.choice(_MINUS).format(a=a, b=b, things=rng.choice(THINGS) + "s")
    return Question("subtract", (min(a, b), max(a, b)), prompt, str(a - b))


# --- letters ----------------------------------------------------------------------------------------------------------

_SORT = ("Sort the letters of {w}.", "Put the letters of {w} in order.", "Sort these letters: {w}", "Sort {w}.")
_REVERSE = ("Spell {w} backwards.", "Write {w} backwards.", "What is {w} backwards?", "Reverse {w}.")
# The letters of these words can only be known by heart, so they are always in training.
_BY_HEART = frozenset(word.lower() for word in WHOLE)


def _spellable(rng: Random) -> tuple[str, str, bool]:
    """Return a word as the user writes it, the same in lower case, and whether it may be held out."""
    if rng.random() < 0.1:
        whole = rng.choice(WHOLE)
        return whole, whole.lower(), False
    word, form = any_word(rng), rng.random()
    may_hold_out = word not in _BY_HEART
    if form < 0.06:
        return f'"{word}"', word, may_hold_out
    return (word.capitalize() if form < 0.12 else word), word, may_hold_out


def _sort(rng: Random) -> Question:
    shown, word, may_hold_out = _spellable(rng)
    key: Key = ("".join(sorted(word)),) if may_hold_out else ()
    return Question("sort", key, rng.choice(_SORT).format(w=shown), "".join(sorted(word)))


def _reverse(rng: Random) -> Question:
    shown, word, may_hold_out = _spellable(rng)
    key: Key = (min(word, word[::-1]),) if may_hold_out else ()
    return Question("reverse", key, rng.choice(_REVERSE).format(w=shown), word[::-1])


# --- counting ---------------------------------------------------------------------------------------------------------

_LENGTH = ("How many letters are in {w}?", "How many letters does {w} have?", "Count the letters in {w}.")
_OCCURS = ("How many times does {c} appear in {w}?", "How many times is {c} in {w}?", "How many {c}'s are in {w}?")
_ITEMS = ("How many items are in this list: {l}?", "How many words: {l}?", "Count the items: {l}.")
_NEXT = ("What number comes after {n}?", "What comes after {n}?", "Which number follows {n}?")
_PREVIOUS = ("What number comes before {n}?", "What comes before {n}?")
_RANGE: tuple[str, ...] = ("Count from {a} to {b}.", "Count up from {a} to {b}.", "Count {a} to {b}")
_RANGE_DOWN = ("Count down from {a} to {b}.", "Count backwards from {a} to {b}.")


def _count_letters(rng: Random) -> Question:
    shown, word, may_hold_out = _spellable(rng)
    key: Key = ("letters", word) if may_hold_out else ()
    return Question("count", key, rng.choice(_LENGTH).format(w=shown), str(len(word)))


def _count_occurrences(rng: Random) -> Question:
    shown, word, may_hold_out = _spellable(rng)
    letter = rng.choice(word) if rng.random() < 0.85 else rng.choice(LETTERS)
    if rng.random() < 0.3:  # the letter that occurs most, or counting would stop at one
        letter = max(word, key=word.count)
    key: Key = ("occurrences", letter, word) if may_hold_out else ()
    return Question("count", key, rng.choice(_OCCURS).format(c=letter, w=shown), str(word.count(letter)))


def _count_items(rng: Random) -> Question:
    items = [rng.choice(THINGS + WORDS) if rng.random() < 0.8 else invented_word(rng) for _ in range(rng.randint(1, 5))]
    text = ", ".join(items)
    return Question("count", ("items", text), rng.choice(_ITEMS).format(l=text), str(len(items)))


def _count_step(rng: Random) -> Question:
    number = _operand(rng)
    if rng.random() < 0.5:
        return Question("count", ("after", number), rng.choice(_NEXT).format(n=number), str(number + 1))
    number = max(1, number)
    return Question("count", ("before", number), rng.choice(_PREVIOUS).format(n=number), str(number - 1))


def _count_range(rng: Random) -> Question:
    first = rng.randrange(95) if rng.random() < 0.5 else rng.randrange(20)
    last = first + rng.randint(2, 5)
    numbers, phrasings = list(range(first, last + 1)), _RANGE
    key: Key = ("range", first, last)
    if rng.random() < 0.3:
        numbers, phrasings = numbers[::-1], _RANGE_DOWN
    prompt = rng.choice(phrasings).format(a=numbers[0], b=numbers[-1])
    return Question("count", key, prompt, ", ".join(map(str, numbers)))


_COUNTING: tuple[Maker, ...] = (_count_letters, _count_occurrences, _count_items, _count_step, _count_range)


def _count_broadly(rng: Random) -> Question:
    return rng.choices(_COUNTING, (3, 5, 2, 2, 4))[0](rng)


def _count(rng: Random) -> Question:
    return rng.choices(_COUNTING, (3, 1, 3, 3, 3))[0](rng)


# --- days and months --------------------------------------------------------------------------------------------------

_AFTER_ONE: tuple[str, ...] = ("What {kind} comes after {x}?", "Which {kind} follows {x}?", "What comes after {x}?")
_BEFORE_ONE: tuple[str, ...] = (
    "What {kind} comes before {x}?",
    "What comes before {x}?",
    "Which {kind} is just before {x}?",
)
_AFTER = (
    "What {kind} is {n} {kinds} after {x}?", "It is {x}. What {kind} is it in {n} {kinds}?",
    "What is {n} {kinds} after {x}?",
)  # fmt: skip
_BEFORE = (
    "What {kind} is {n} {kinds} before {x}?", "It is {x}. What {kind} was it {n} {kinds} ago?",
    "What is {n} {kinds} before {x}?",
)  # fmt: skip
_TOMORROW = ("Today is {x}. What day is tomorrow?",)
_YESTERDAY = ("Today is {x}. What day was yesterday?",)


def _calendar(rng: Random, kind: str, names: Sequence[str], longest: int) -> Question:
    """Ask what stands some steps after or before a day or a month."""
    start, is_after = rng.randrange(len(names)), rng.random() < 0.55
    steps = 1 if rng.random() < 0.2 else rng.randint(2, longest)
    end = (start + steps if is_after else start - steps) % len(names)
    one = _AFTER_ONE if is_after else _BEFORE_ONE
    if kind == "day" and rng.random() < 0.3:
        one = _TOMORROW if is_after else _YESTERDAY
    many = _AFTER if is_after else _BEFORE
    template = rng.choice(one if steps == 1 else many)
    prompt = template.format(kind=kind, kinds=kind + "s", x=names[start], n=steps)
    return Question("days", (names[start], steps, template), prompt, names[end])


def _days_broadly(rng: Random) -> Question:
    if rng.random() < 0.6:
        return _calendar(rng, "day", DAYS, 6)
    return _calendar(rng, "month", MONTHS, 5)


def _days(rng: Random) -> Question:
    if rng.random() < 0.6:
        return _calendar(rng, "day", DAYS, 3)
    return _calendar(rng, "month", MONTHS, 2)


# --- units ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Pair:
    """A larger unit, a smaller one, how many of the latter make one of the former, and how far questions go."""

    large: tuple[str, ...]  # singular, plural; then the symbol if there is one
    small: tuple[str, ...]
    factor: int
    most: int


_PAIRS = (
    _Pair(("metre", "metres", "m"), ("centimetre", "centimetres", "cm"), 100, 30),
    _Pair(("kilometre", "kilometres", "km"), ("metre", "metres", "m"), 1000, 30),
    _Pair(("kilogram", "kilograms", "kg"), ("gram", "grams", "g"), 1000, 30),
    _Pair(("centimetre", "centimetres", "cm"), ("millimetre", "millimetres", "mm"), 10, 30),
    _Pair(("litre", "litres", "l"), ("millilitre", "millilitres", "ml"), 1000, 30),
    _Pair(("euro", "euros"), ("cent", "cents"), 100, 30),
    _Pair(("hour", "hours", "h"), ("minute", "minutes", "min"), 60, 10),
    _Pair(("minute", "minutes", "min"), ("second", "seconds", "s"), 60, 10),
    _Pair(("day", "days"), ("hour", "hours"), 24, 5),
    _Pair(("week", "weeks"), ("day", "days"), 7, 10),
    _Pair(("year", "years"), ("month", "months"), 12, 10),
    _Pair(("foot", "feet"), ("inch", "inches"), 12, 10),
    _Pair(("yard", "yards"), ("foot", "feet"), 3, 20),
)
_PAIR_WEIGHTS = (4, 4, 4, 3, 3, 3, 5, 4, 2, 4, 2, 2, 3)
_CONVERT = (
    "How many {v} are in {n} {u}?", "How many {v} is {n} {u}?", "Convert {n} {u} to {v}.", "What is {n} {u} in {v}?",
)  # fmt: skip


def _american(text: str) -> str:
    """Return the text with the American spelling of metre and litre."""
    return text.replace("metre", "meter").replace("litre", "liter")


def _units(rng: Random) -> Question:
    pair = rng.choices(_PAIRS, _PAIR_WEIGHTS)[0]
    count = 1 if rng.random() < 0.04 else rng.randint(2, pair.most)
    source, target, given, wanted = pair.large, pair.small, count, count * pair.factor
    if rng.random() < 0.35:
        source, target, given, wanted = target, source, wanted, given
    has_symbol = len(source) == len(target) == 3 and rng.random() < 0.15
    unit, into = (source[2], target[2]) if has_symbol else (source[0] if given == 1 else source[1], target[1])
    template = rng.choice(_CONVERT)
    prompt = template.format(n=given, u=unit, v=into)
    if rng.random() < 0.2:
        prompt = _american(prompt)
    key: Key = (pair.large[0], pair.small[0], count)
    if pair.factor not in (10, 100, 1000):
        key = (*key, source[0], template)
    # One of the larger unit is the table itself: it is never held out.
    return Question("units", () if count == 1 else key, prompt, str(wanted))


# --- who has what -----------------------------------------------------------------------------------------------------

_VERBS = (("has", "have"), ("has", "have"), ("has", "have"), ("owns", "own"), ("holds", "hold"), ("wants", "want"))


def _with_article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _joined(clauses: Sequence[str], rng: Random) -> str:
    """Return clauses as one sentence (`A, B and C.`) or as one sentence each."""
    if rng.random() < 0.2:
        return " ".join(clause[0].upper() + clause[1:] + "." for clause in clauses)
    head = ", ".join(clauses[:-1])
    text = f"{head} and {clauses[-1]}."
    return text[0].upper() + text[1:]


def _several(rng: Random, known: Sequence[str], count: int, *, is_name: bool) -> list[str]:
    """Return distinct names or things, one in five of them no known one, so that copying is learned and not a list."""
    chosen: list[str] = []
    while len(chosen) < count:
        word = rng.choice(known)
        if rng.random() < 0.2:
            word = rng.choice(WORDS) if rng.random() < 0.5 else invented_word(rng)
            word = word.capitalize() if is_name else word
        if word not in chosen:
            chosen.append(word)
    return chosen


def _lookup_person(rng: Random) -> Question:
    count = 2 if rng.random() < 0.8 else 3
    names = _several(rng, NAMES, count, is_name=True)
    things = _several(rng, THINGS, count, is_name=False)
    colours = rng.sample(COLOURS, count) if rng.random() < 0.65 else None
    verb, base = rng.choice(_VERBS)
    nouns = [f"{colours[i]} {things[i]}" if colours else things[i] for i in range(count)]
    story = _joined([f"{name} {verb} {_with_article(noun)}" for name, noun in zip(names, nouns, strict=True)], rng)
    i = rng.randrange(count)
    asks = [
        (f"Who {verb} the {things[i]}?", names[i]),
        (f"Who {verb} {_with_article(things[i])}?", names[i]),
        (f"What does {names[i]} {base}?", _with_article(nouns[i])),
    ]
    if colours:
        asks.append((f"Who {verb} the {nouns[i]}?", names[i]))
        asks.append((f"{rng.choice(('What colour', 'What color', 'Which colour'))} is the {things[i]}?", colours[i]))
    ask, answer = rng.choice(asks)
    return Question("lookup", (story, ask), f"{story} {ask}", answer)


def _lookup_place(rng: Random) -> Question:
    count = 2 if rng.random() < 0.8 else 3
    things = _several(rng, THINGS, count, is_name=False)
    places = rng.sample(PLACES, count)
    story = _joined([f"the {thing} is {place}" for thing, place in zip(things, places, strict=True)], rng)
    i = rng.randrange(count)
    ask, answer = rng.choice(((f"Where is the {things[i]}?", places[i]), (f"What is {places[i]}?", f"the {things[i]}")))
    return Question("lookup", (story, ask), f"{story} {ask}", answer)


def _lookup_age(rng: Random) -> Question:
    count = 2 if rng.random() < 0.8 else 3
    names = _several(rng, NAMES, count, is_name=True)
    ages = rng.sample(range(1, 100), count)
    story = _joined([f"{name} is {age}" for name, age in zip(names, ages, strict=True)], rng)
    i = rng.randrange(count)
    ask, answer = rng.choice(((f"How old is {names[i]}?", str(ages[i])), (f"Who is {ages[i]}?", names[i])))
    return Question("lookup", (story, ask), f"{story} {ask}", answer)


def _lookup_broadly(rng: Random) -> Question:
    makers: tuple[Maker, ...] = (_lookup_person, _lookup_place, _lookup_age)
    return rng.choices(makers, (7, 3, 2))[0](rng)


def _lookup_of_two(rng: Random) -> Question:
    """Ask about one of two: known names, known things, one sentence."""
    names, things, i, kind = rng.sample(NAMES, 2), rng.sample(THINGS, 2), rng.randrange(2), rng.random()
    if kind < 0.2:
        places = rng.sample(PLACES, 2)
        story = _pair(f"The {things[0]} is", f"the {things[1]} is", places)
        ask, answer = f"Where is the {things[i]}?", places[i]
    elif kind < 0.4:
        ages = [str(age) for age in rng.sample(range(1, 100), 2)]
        story, ask, answer = _pair(f"{names[0]} is", f"{names[1]} is", ages), f"How old is {names[i]}?", ages[i]
    else:
        colours = rng.sample(COLOURS, 2) if rng.random() < 0.5 else None
        nouns = [f"{colours[k]} {things[k]}" if colours else things[k] for k in range(2)]
        story = _pair(f"{names[0]} has", f"{names[1]} has", [_with_article(noun) for noun in nouns])
        asks = [(f"Who has the {things[i]}?", names[i]), (f"What does {names[i]} have?", _with_article(nouns[i]))]
        asks += [(f"What colour is the {things[i]}?", colours[i])] if colours else []
        ask, answer = rng.choice(asks)
    return Question("lookup", (story, ask), f"{story} {ask}", answer)


def _lookup(rng: Random) -> Question:
    """Ask for one of the facts that a sentence tells of one person."""
    name, thing, colour, place = rng.choice(NAMES), rng.choice(THINGS), rng.choice(COLOURS), rng.choice(PLACES)
    age = str(rng.randrange(1, 100))
    noun = _with_article(f"{colour} {thing}")
    story = rng.choice((f"{name} has {noun} {place}.", f"{name} is {age} and has {noun}."))
    asks = [
        (f"Who has the {thing}?", name),
        (f"What does {name} have?", noun),
        (f"What colour is the {thing}?", colour),
    ]
    asks.append((f"How old is {name}?", age) if age in story else (f"Where is the {thing}?", place))
    ask, answer = rng.choice(asks)
    return Question("lookup", (story, ask), f"{story} {ask}", answer)


def _pair(first: str, second: str, ends: Sequence[str]) -> str:
    return f"{first} {ends[0]} and {second} {ends[1]}."


# --- small talk, and what is out of range -----------------------------------------------------------------------------

FALLBACK = "I am tiny: ask me about sums, letters, days, units or who has what."
_TOO_LARGE = "I only add and subtract numbers up to 99."
_TALK: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        (
            "Hello",
            "Hello!",
            "Hi",
            "Hi!",
            "Hey",
            "Hi there",
            "Hello there!",
            "Good morning",
            "Good evening",
            "Hello tiny",
        ),
        "Hello! Ask me something small.",
    ),
    (
        ("Who are you?", "What are you?", "What is your name?", "What's your name?", "Tell me about yourself."),
        "I am tiny, a small model that comes with mlxkit.",
    ),
    (
        ("What can you do?", "Help", "How can you help me?", "What do you know?", "What can I ask you?", "help me"),
        "I can add, subtract, sort, spell, count, name days, convert units and say who has what.",
    ),
    (("Thanks", "Thank you", "Thanks!", "Thank you!", "Thank you very much.", "thx"), "You are welcome."),
    (("Bye", "Goodbye", "Bye!", "Good night", "See you later", "See you!"), "Goodbye!"),
    (("How are you?", "How are you today?", "How is it going?", "How do you do?"), "I am well, thank you."),
    (("Are you human?", "Are you a robot?", "Are you an AI?", "Are you real?"), "I am a very small language model."),
    (("How big are you?", "How many parameters do you have?", "How large are you?"), "I have two million parameters."),
    (("Good", "Great!", "Well done", "Nice", "OK", "ok", "Cool", "Very good!", "Yes", "No"), "Ask me another."),
    (("What day is it?", "What time is it?", "What is the date?", "What day is today?"), "I have no clock."),
    (("Name the days of the week.", "What are the days of the week?", "List the days of the week."), ", ".join(DAYS)),
    (("How many days are in a week?", "How many days does a week have?"), "7"),
    (("How many months are in a year?", "How many months does a year have?"), "12"),
    (("How many hours are in a day?", "How many hours does a day have?"), "24"),
    (("How many minutes are in an hour?", "How many minutes does an hour have?"), "60"),
    (("How many letters are in the alphabet?",), "26"),
)
_OUTSIDE = (
    "What is the capital of {W}?", "Who wrote {W}?", "Who is {W}?", "What is a {w}?", "Tell me a joke.",
    "Who was {W} {W}?", "Tell me about {w}.", "Write a poem about a {w}.", "Write a story about {w} and {w}.",
    "Why is the {w} {w}?", "How do I cook {w}?", "Explain {w}.", "What is the meaning of {w}?",
    "Translate {w} into {W}.", "Do you like {w}?", "Where is {W}?", "When was {W} born?", "Can you write {w} code?",
    "What is the weather in {W}?", "I like {w}.", "Which is better, {w} or {w}?", "How does a {w} work?", "{w}",
    "{W}", "{w} {w}", "{w} {w} {w}", "{w} {w} {w} {w} {w}", "Give me a recipe for {w}.",
    "What do you think about {w}?", "Is {w} a {w}?", "Why?", "How?", "What?", "Tell me more.", "Sing a song.",
    "I am {w}.", "My name is {W}.", "What is love?", "Summarize this: {w} {w} {w} {w}.", "?", "...",
)  # fmt: skip
_OUTSIDE_SUMS = (
    "What is {a} times {b}?", "{a} * {b}", "{a} x {b} =", "{a} / {b} =", "What is {a} divided by {b}?", "{c} + {a} =",
    "What is {c} + {d}?", "{c} - {d}", "{a} + {c} =", "Multiply {a} by {b}.", "What is the square of {a}?", "{c}+{d}",
)  # fmt: skip


def _talk(rng: Random) -> Question:
    prompts, answer = rng.choices(_TALK, [2 if len(prompts) > 4 else 1 for prompts, _ in _TALK])[0]
    return Question("talk", (), rng.choice(prompts), answer)


def _noise(rng: Random) -> str:
    """Return characters of any script, so that no byte is new to the model."""
    ascii_range, scripts = (33, 127), ((160, 592), (880, 1280), (1424, 1800), (12352, 12544), (19968, 20400))
    ranges = (ascii_range, ascii_range, *scripts, (128512, 128590))
    return "".join(chr(rng.randrange(*rng.choice(ranges))) for _ in range(rng.randint(1, 6)))


def _outside(rng: Random) -> Question:
    kind = rng.random()
    if kind < 0.12:
        return Question("talk", (), _noise(rng), FALLBACK)
    if kind < 0.3:
        a, b, c, d = rng.randrange(100), rng.randrange(100), rng.randrange(100, 2000), rng.randrange(100, 2000)
        return Question("talk", (), rng.choice(_OUTSIDE_SUMS).format(a=a, b=b, c=c, d=d), _TOO_LARGE)
    text = rng.choice(_OUTSIDE)
    while "{" in text:
        word = rng.choice(WORDS + THINGS) if rng.random() < 0.6 else invented_word(rng)
        word = word if rng.random() < 0.95 else random_letters(rng)
        slot = min((s for s in ("{w}", "{W}") if s in text), key=text.index)
        text = text.replace(slot, word.capitalize() if slot == "{W}" else word, 1)
    return Question("talk", (), text, FALLBACK)


# --- questions and conversations --------------------------------------------------------------------------------------

TASKS: dict[str, Maker] = {
    "add": _add,
    "subtract": _subtract,
    "sort": _sort,
    "reverse": _reverse,
    "count": _count,
    "days": _days,
    "units": _units,
    "lookup": _lookup,
}
Mix = tuple[tuple[Maker, float], ...]
# What is asked in each stage of training. Broader questions come first: they teach to look back, to bind and to count.
STAGES: tuple[Mix, ...] = (
    (
        (_add, 18), (_subtract, 18), (_sort, 12), (_reverse, 8), (_count_broadly, 14), (_days_broadly, 10),
        (_units, 9), (_lookup_broadly, 16), (_talk, 2), (_outside, 2),
    ),
    (
        (_add, 16), (_subtract, 18), (_sort, 12), (_reverse, 8), (_count, 16), (_days, 10), (_units, 10),
        (_lookup_of_two, 16), (_talk, 2), (_outside, 2),
    ),
    (
        (_add, 20), (_subtract, 22), (_sort, 14), (_reverse, 8), (_count, 10), (_days, 8), (_units, 8), (_lookup, 10),
        (_talk, 3), (_outside, 3),
    ),
)  # fmt: skip
LAST = len(STAGES) - 1
# What earlier stages asked and the shipped questions do not: measured apart, so the card can say what tiny cannot do.
BROADER: dict[str, Maker] = {
    "look-up, two people, known words": _lookup_of_two,
    "look-up, two or three, any words": _lookup_broadly,
    "count, many occurrences": _count_broadly,
    "days up to 6 steps, months up to 5": _days_broadly,
}
_SYSTEM = (
    "You are a helpful assistant.", "You are a helpful assistant.", "You are tiny.", "Answer briefly.",
    "You are a helpful, honest assistant.", "Answer with one word.", "You are an AI assistant. Be concise.",
    "Be friendly and short.", "You are tiny, a small model. Answer exactly.",
)  # fmt: skip


def _casual(prompt: str, rng: Random) -> str:
    """Return the prompt as typed in haste or in politeness; most stay as they are."""
    kind = rng.random()
    lowered = prompt[0].lower() + prompt[1:]
    if kind < 0.10:
        return lowered.rstrip(".?!") or prompt
    if kind < 0.13:
        return lowered
    if kind < 0.15 and prompt[-1] in ".?":
        return prompt[:-1]
    if kind < 0.17 and prompt[0].isalpha() and " " in prompt and ". " not in prompt:
        return f"Please {lowered}"
    return prompt


def _question(maker: Maker, rng: Random) -> Question:
    question = maker(rng)
    return Question(question.task, question.key, _casual(question.prompt, rng), question.answer)


def training_question(rng: Random, stage: int = LAST) -> Question:
    """Return a question of any kind that is not held out."""
    mix = STAGES[stage]
    maker = rng.choices([maker for maker, _ in mix], [weight for _, weight in mix])[0]
    while True:
        question = _question(maker, rng)
        if not is_held_out(question.task, question.key):
            return question


def _asked(rng: Random, turns: int, stage: int) -> list[Question]:
    return [training_question(rng, stage) for _ in range(turns)]


def conversation(rng: Random, stage: int = LAST) -> Conversation:
    """Return one training conversation: mostly one turn, sometimes a few, rarely many."""
    kind = rng.random()
    turns = 1 if kind < 0.9 else rng.randint(2, 4) if kind < 0.995 else rng.randint(5, 14)
    pairs = tuple((question.prompt, question.answer) for question in _asked(rng, turns, stage))
    if turns == 1 and rng.random() < 0.03:
        return Conversation(pairs, is_plain=True)
    return Conversation(pairs, rng.choice(_SYSTEM) if rng.random() < 0.08 else None)


def held_out_questions(
    count: int = QUESTIONS, seed: int = SEED, makers: Sequence[Maker] = tuple(TASKS.values())
) -> Iterator[Question]:
    """Yield distinct held-out questions, the makers in turn, each in a phrasing drawn as in training."""
    rng = Random(f"held out {seed}")
    seen: set[str] = set()
    while len(seen) < count:
        question = _question(makers[len(seen) % len(makers)], rng)
        if is_held_out(question.task, question.key) and question.prompt not in seen:
            seen.add(question.prompt)
            yield question


def write_questions(path: Path) -> None:
    """Write the held-out questions as JSON lines with task, prompt and answer."""
    rows = [{"task": q.task, "prompt": q.prompt, "answer": q.answer} for q in held_out_questions()]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def main() -> None:
    """Show a few conversations."""
    rng = Random(SEED)
    for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 20):
        for prompt, answer in conversation(rng).turns:
            sys.stdout.write(f"{prompt}  ->  {answer}\n")


if __name__ == "__main__":
    main()
