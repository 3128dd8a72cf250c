"""The words that tiny's text is made of, and how a new word is invented.

Pure data and one seeded function. It does not know tasks, phrasing or tokens.
"""

from random import Random


def _listed(text: str) -> tuple[str, ...]:
    """Return the words of a text."""
    return tuple(text.split())


DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
COLOURS = ("red", "blue", "green", "black", "white", "yellow", "brown", "pink", "grey", "orange")

NAMES = _listed(
    "Ann Bob Cid Dan Eva Finn Gus Hana Ian Jill Kim Leo Mia Ned Olga Pam Quinn Rosa Sam Tom Uma Vera Will Xena "
    "Yan Zoe Alice Ben Clara David Emma Frank Grace Henry Ida John Kate Lucy Mark Nina Oscar Paul Ruth Sara Tina "
    "Victor"
)
THINGS = _listed(
    "hat cup pen key book ball bag box coat lamp ring coin card drum fork spoon knife plate chair phone clock "
    "shoe sock scarf glove apple pear plum lemon cake egg umbrella kite doll boat bike car rope stone shell flute "
    "violin map brush candle basket bottle ticket mirror flower"
)
PLACES = (
    "in the box", "on the desk", "under the bed", "in the bag", "on the shelf", "in the drawer", "on the table",
    "under the chair", "in the car", "on the roof", "in the garden", "in the kitchen", "behind the door",
    "near the window", "behind the sofa", "near the lamp",
)  # fmt: skip
# Words that the tokenizer holds whole: their letters can only be known by heart.
WHOLE = (
    *DAYS, *MONTHS, *COLOURS, *NAMES, *THINGS, *(place.split()[-1] for place in PLACES),
    "hello", "tiny", "word", "letters", "order", "number", "hour", "minute", "second", "metre", "week",
)  # fmt: skip

WORDS = _listed(
    "cat dog sun sky sea ice owl fox bee ant cow pig hen rat bat arm leg eye ear toe lip map net oak elm ash fig "
    "nut bun jam tea pie oil mud fog dew bay hut inn tin gem tar wax ivy log saw axe jar lid mop fan van bus cab "
    "bird fish frog lion wolf bear deer duck goat lamb seal swan crow moth worm crab clam tree leaf root seed "
    "rose lily fern moss rain snow wind hail star moon lake pond hill cave sand rock gold iron salt rice corn "
    "bean milk soup fish meat door wall roof gate road path ship sail oars raft desk sofa rug bell horn harp song "
    "poem tale page line ink chess tiger horse mouse zebra camel otter eagle robin goose snake shark whale koala "
    "panda sheep puppy bunny maple cedar daisy tulip peach grape melon berry onion bread honey sugar pasta pizza "
    "cream water river ocean beach storm cloud field grass stone house tower light night music piano table train "
    "plane wagon wheel sword crown smile dream heart magic world earth paper stamp cloth rabbit monkey donkey "
    "spider turtle lizard falcon pigeon beaver salmon banana cherry tomato potato carrot pepper garlic butter "
    "cheese coffee cookie muffin waffle island forest desert valley canyon meadow garden winter summer autumn "
    "spring thunder bridge castle temple school market pencil ribbon button jacket hammer ladder bucket guitar "
    "violin rocket planet comet python kernel matrix vector tensor token model dolphin penguin leopard giraffe "
    "hamster octopus lobster sparrow buffalo gorilla avocado cabbage spinach pumpkin apricot coconut biscuit "
    "rainbow volcano glacier village library kitchen cottage picture balloon blanket elephant kangaroo squirrel "
    "hedgehog mushroom sandwich broccoli mountain hospital computer keyboard notebook umbrella football birthday "
    "crocodile butterfly pineapple chocolate blueberry adventure strawberry watermelon mississippi"
)

# What is spelled and sorted: longer words take more steps than so small a model has.
SPELLED = tuple(word for word in WORDS if len(word) <= 7)

LETTERS = "abcdefghijklmnopqrstuvwxyz"
_ONSETS = _listed("b c d f g h j k l m n p r s t v w z br cl cr dr fl gr pl pr sh sl sp st th tr ch qu")
_VOWELS = _listed("a e i o u a e i o ee oo ai ea ou y")
_CODAS = ("", "", "", *_listed("n r l s t d m k p x ll ss nd st nt rt ng ck"))
_LENGTHS = ((3, 4, 5, 6, 7), (20, 30, 30, 16, 4))


def random_letters(rng: Random) -> str:
    """Return a string of unrelated letters, 3 to 7 long and mostly 4 or 5."""
    length = rng.choices(_LENGTHS[0], _LENGTHS[1])[0]
    return "".join(rng.choices(LETTERS, k=length))


def invented_word(rng: Random) -> str:
    """Return a word that can be pronounced but, mostly, does not exist; 3 to 7 letters."""
    target = rng.choices(_LENGTHS[0], _LENGTHS[1])[0]
    word = ""
    while len(word) < target:
        word += rng.choice(_ONSETS) + rng.choice(_VOWELS) + rng.choice(_CODAS)
    return word[: max(3, target)]


def any_word(rng: Random) -> str:
    """Return a known word, an invented one or random letters, so that spelling cannot be learned by heart."""
    kind = rng.random()
    if kind < 0.3:
        return rng.choice(SPELLED)
    return invented_word(rng) if kind < 0.7 else random_letters(rng)
