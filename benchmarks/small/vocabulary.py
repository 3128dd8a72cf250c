"""small's tokenizer: byte pairs learned from both kinds of its text, under tiny's special tokens and chat template."""

import json
from collections.abc import Iterator
from random import Random
from typing import Any

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from generate import SEED, conversation
from sources import training_documents
from tokens import SPECIALS, pre_tokenizer, tokenizer_json

_CONVERSATIONS = 20_000


def _sample() -> Iterator[str]:
    """Yield the library's text, and of the conversations enough for every word of their templates."""
    yield from training_documents()
    rng = Random(f"tokens {SEED}")
    for _ in range(_CONVERSATIONS):
        talk = conversation(rng)
        yield from (talk.system or "", *(text for turn in talk.turns for text in turn))


def byte_pairs(size: int) -> dict[str, Any]:
    """Return the contents of tokenizer.json with a vocabulary of `size` tokens."""
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizer()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=list(SPECIALS), initial_alphabet=alphabet, show_progress=False
    )
    learner.train_from_iterator(_sample(), trainer)
    learned = json.loads(learner.to_str())["model"]
    return tokenizer_json(sorted(learned["vocab"], key=learned["vocab"].__getitem__), learned["merges"])
