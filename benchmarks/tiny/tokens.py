"""tiny's tokenizer: the words of its templates are one token each, everything else is spelled in bytes.

A word to spell, sort or copy thus reaches the model letter by letter, and digits stand alone. It does not know the
model.
"""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

from tokenizers import Tokenizer, pre_tokenizers

from generate import SEED, conversation
from words import COLOURS, DAYS, MONTHS, NAMES, PLACES, THINGS, WORDS

VOCABULARY = 640
MAX_TOKENS = 1024
END_OF_TEXT, START, END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
SPECIALS = (END_OF_TEXT, START, END)
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
_SAMPLE = 40_000
_OPEN = frozenset(WORDS)
_SPACE = "\u0120"  # how the byte-level alphabet writes a space


def pre_tokenizer() -> pre_tokenizers.PreTokenizer:
    """Return how text is cut before tokens are made: digits one by one, words with the space before them."""
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )


def _is_template_word(piece: str) -> bool:
    """Return whether a piece is worth a token: neither a byte, nor a letter to be counted, nor a word to be spelled."""
    word = piece.removeprefix(_SPACE).lower()
    if not word.isascii() or (word.isalpha() and len(word) == 1 and piece != f"{_SPACE}a"):
        return False
    return len(piece) > 1 and word not in _OPEN


def frequent_pieces(count: int) -> list[str]:
    """Return names and things, then the template words that are most frequent in the generated text."""
    split, rng, seen = pre_tokenizer(), Random(f"tokens {SEED}"), Counter[str]()
    for _ in range(_SAMPLE):
        talk = conversation(rng, stage=0)
        for text in (talk.system or "", *(text for turn in talk.turns for text in turn)):
            seen.update(piece for piece, _ in split.pre_tokenize_str(text))
    must = [prefix + word for word in (*DAYS, *MONTHS, *COLOURS, *NAMES) for prefix in ("", _SPACE)]
    must += dict.fromkeys(_SPACE + word for word in (*THINGS, *(place.split()[-1] for place in PLACES)))
    must += ["system", "user", "assistant"]
    by_count = sorted(seen, key=lambda piece: (-seen[piece], piece))
    return [*must, *(piece for piece in by_count if _is_template_word(piece) and piece not in must)][:count]


def tiny_pieces() -> list[str]:
    """Return tiny's vocabulary in the order of its ids."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    return [*SPECIALS, *alphabet, *frequent_pieces(VOCABULARY - len(SPECIALS) - len(alphabet))]


def tokenizer_json(pieces: Sequence[str], merges: Sequence[Sequence[str]] = ()) -> dict[str, Any]:
    """Return the contents of tokenizer.json for a vocabulary in the order of its ids, the special tokens first."""
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": i, "content": piece, **flags} for i, piece in enumerate(SPECIALS)],
        "normalizer": None,
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "Digits", "individual_digits": True},
                {**byte_level, "use_regex": True},
            ],
        },
        "post_processor": None,
        "decoder": {**byte_level, "use_regex": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": True,
            "vocab": {piece: i for i, piece in enumerate(pieces)},
            "merges": list(merges),
        },
    }


def tokenizer_config() -> dict[str, Any]:
    """Return the contents of tokenizer_config.json, in the words that transformers 4 and 5 both read."""
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": MAX_TOKENS,
        "eos_token": END,
        "pad_token": END_OF_TEXT,
        "clean_up_tokenization_spaces": False,
        "added_tokens_decoder": {
            str(i): {
                "content": piece,
                "lstrip": False,
                "normalized": False,
                "rstrip": False,
                "single_word": False,
                "special": True,
            }
            for i, piece in enumerate(SPECIALS)
        },
        "chat_template": CHAT_TEMPLATE,
    }


def write_tokenizer(folder: Path, content: dict[str, Any]) -> Tokenizer:
    """Write the three tokenizer files and return the tokenizer that was written; `content` is its tokenizer.json."""
    path = folder / "tokenizer.json"
    path.write_text(json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
    config = json.dumps(tokenizer_config(), ensure_ascii=False, indent=2) + "\n"
    (folder / "tokenizer_config.json").write_text(config, encoding="utf-8")
    (folder / "chat_template.jinja").write_text(CHAT_TEMPLATE, encoding="utf-8")
    return Tokenizer.from_file(str(path))
