"""Recipes for tests, as TOML says them."""

from copy import deepcopy
from typing import Any

LEAST: dict[str, Any] = {"name": "m", "source": {"repo": "owner/m"}, "variant": [{"scheme": "4bit"}]}

FULL: dict[str, Any] = {
    "name": "Model-1B",
    "description": "Two lines\nof it.",
    "source": {
        "repo": "owner/Model-1B",
        "revision": "0123456789abcdef0123456789abcdef01234567",
        "license": "apache-2.0",
        "tokenizer": "owner/other",
        "requantize": True,
    },
    "variant": [
        {"scheme": "4bit-g32", "encoder": "lsq", "rules": ["lm_head=none", "*.v_proj=8bit"]},
        {"bits_per_weight": 4.5, "polish": True, "gates": {"max_kl_nats": 0.02, "must_fit": [], "max_bytes": False}},
        {"max_size": "2.5GB", "name": "{name}-{size}"},
        {"device": "iPhone 17 Pro", "context": 8192, "name": "for-{device}-{context}"},
        {"dtype": "bfloat16"},
    ],
    "calibration": {"text": "texts/some.jsonl", "tokens": 2048, "seed": 7},
    "evaluation": {
        "texts": ["self", "a.txt"],
        "tokens": 4096,
        "context": 256,
        "seed": 1,
        "tasks": ["tiny", "gsm8k"],
        "limit": 50,
    },
    "bench": {"prompt_tokens": [64, 512], "generated_tokens": 16, "depth": [0, 1024], "batch": 2, "repeats": 3},
    "gates": {
        "max_kl_nats": 0.1,
        "min_top1_agreement": 0.9,
        "min_task_accuracy": 0.5,
        "max_bytes": "3GB",
        "must_fit": ["iphone-17-pro@4096"],
        "no_check_errors": False,
    },
    "publish": {"repo": "owner/{variant}-mlx", "collection": "Mine", "public": True},
}


def changed(base: dict[str, Any], **sections: Any) -> dict[str, Any]:
    """A recipe with other sections; a table changes key by key, and None takes a key away."""
    said = deepcopy(base)
    for key, value in sections.items():
        if value is None:
            said.pop(key, None)
        elif isinstance(value, dict):
            said[key] = {**said.get(key, {}), **value}
        else:
            said[key] = value
    return said
