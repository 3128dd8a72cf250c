"""A new recipe, commented, for whoever writes one."""

import json
import re

from mlxkit.core.errors import PlanError
from mlxkit.core.names import is_repo_id, parse

_PAGE = """\
# What `mlxkit build` makes a release of. What is commented out shows what holds without it, or an example.

name = {name}
description = "What these variants are for."

[source]
repo = {repo}            # owner/name, a folder, or tiny
revision = ""            # a commit; empty: the first build looks it up and keeps to it
# license = "apache-2.0" # the identifier that its card must have
# tokenizer = "owner/it" # where its tokenizer is, if it has none of its own
# requantize = false     # it is quantized already: dequantize it first

# One table for each checkpoint. Each has one goal: scheme, bits_per_weight, max_size, device (with context) or dtype.
[[variant]]
bits_per_weight = 4.5    # a budget over all tensors; each layer gets what serves the answers best
# name = "{{name}}-{{goal}}" # also {{bits}}, {{scheme}}, {{size}}, {{device}}, {{context}}, {{dtype}}, {{encoder}}
# polish = false         # train scales and biases on the original's answers; slow
# rules = ["lm_head=8bit"] # what matching layers get, or none

[[variant]]
scheme = "4bit"          # the same for every layer, to compare with
# encoder = "lsq"        # minmax, lsq or feedback
gates.max_kl_nats = 0.5  # in the place of the recipe's own; false takes one away

# [[variant]]
# device = "iPhone 17 Pro"
# context = 4096

[calibration]
# text = "self"          # what the model writes itself, or a .txt or .jsonl beside this recipe
# tokens = 16384
# seed = 0

[evaluation]
# texts = ["self"]
# tokens = 16384
# context = 512
# seed = 0
# tasks = []             # tiny, a .jsonl of prompt and answer, or a task of lm-evaluation-harness
# limit = 100            # questions of each task; without it: all

[bench]
# prompt_tokens = 512    # or several: [512, 4096]
# generated_tokens = 128
# depth = 0
# batch = 1
# repeats = 5

# What every variant has to keep to. What was not measured does not pass.
[gates]
max_kl_nats = 0.1
# min_top1_agreement = 0.9
# min_task_accuracy = 0.5
# max_bytes = "4GB"
# must_fit = ["iphone-17-pro@4096"]
# no_check_errors = true

# [publish]
# owner = "you"          # or repo = "you/{{variant}}-mlx"; without either: whoever is signed in
# collection = "My quants"
# public = false
"""


def template(repo: str) -> str:
    """Return a new recipe that `parse` understands, with a comment for every key.

    Args:
        repo: ``owner/name``, a folder or ``tiny``.

    Raises:
        NotFoundError: it is no name that the Hub allows, and does not look like a folder.
        PlanError: its characters cannot be written down.
    """
    parse(repo)
    if not repo.isprintable():
        raise PlanError(f"{repo[:60]!a} cannot be written into a recipe.", hint="rename the folder")
    last = re.sub(r"[^A-Za-z0-9._-]+|-{2,}|\.{2,}", "-", re.split(r"[/\\]", repo.rstrip("/\\"))[-1])
    name = last.strip("-.")[:80].strip("-.")
    name = name if is_repo_id(f"x/{name}-4.5bpw") else "model"
    return _PAGE.format(name=json.dumps(name), repo=json.dumps(repo, ensure_ascii=False))
