"""Train tiny from nothing and write its checkpoint: weights, configs, tokenizer and held-out questions.

The last step's weights are what is written: no checkpoint is chosen by its score. The held-out questions are never
trained on; their accuracy is shown on the way, in float32 and by teacher forcing, which is exact match under greedy
decoding.

Each step's conversations are shared out to processes of one thread each, which meet once per step to add up their
gradients. Threads meet within every operation instead: on cores that other work uses too, they mostly wait for each
other.
"""

import argparse
import json
import logging
import os
import platform
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Self

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch import Tensor, distributed, multiprocessing
from torch.nn import functional

from generate import SEED, Conversation, Question, conversation, held_out_questions, write_questions
from model import Qwen3, Shape, config
from optimize import Optimizer, schedule
from tokens import END, END_OF_TEXT, START, tiny_pieces, tokenizer_json, write_tokenizer

HERE = Path(__file__).resolve().parent
DATA = HERE.parents[1] / "mlxkit" / "data" / "tiny"

# What the user says counts a little, so that tiny is a language model of its whole text and not only of answers.
PROMPT_WEIGHT = 0.1
CHUNK_TOKENS = 1536

log = logging.getLogger("tiny")
Forward = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Plan:
    """What a run depends on, besides the text; it is written beside the weights' figures."""

    steps: int = 5000
    plateau: int = 2800
    stages: tuple[int, ...] = (1800, 3200)
    conversations_per_step: int = 80
    matrix_rate: float = 0.02
    other_rate: float = 0.004
    seed: int = SEED
    processes: int = 2
    is_compiled: bool = True


@dataclass(frozen=True)
class Sequence:
    """Token ids of one conversation, and how much the prediction of each counts."""

    ids: list[int]
    weights: list[float]


def pieces_of(talk: Conversation) -> list[tuple[str, float]]:
    """Return a conversation's text as it meets the model, cut where the weight changes."""
    if talk.is_plain:
        prompt, answer = talk.turns[0]
        return [(prompt, PROMPT_WEIGHT), (f" {answer}{END_OF_TEXT}", 1.0)]
    pieces = [(f"{START}system\n{talk.system}{END}\n", PROMPT_WEIGHT)] if talk.system else []
    for prompt, answer in talk.turns:
        pieces.append((f"{START}user\n{prompt}{END}\n{START}assistant\n", PROMPT_WEIGHT))
        pieces += [(f"{answer}{END}", 1.0), ("\n", PROMPT_WEIGHT)]
    return pieces


def encode(talks: list[Conversation], tokenizer: Tokenizer) -> list[Sequence]:
    """Return the conversations as tokens."""
    pieces = [pieces_of(talk) for talk in talks]
    encodings = iter(tokenizer.encode_batch([text for talk in pieces for text, _ in talk], add_special_tokens=False))
    sequences = []
    for talk in pieces:
        ids: list[int] = []
        weights: list[float] = []
        for _, weight in talk:
            piece = next(encodings).ids
            ids += piece
            weights += [weight] * len(piece)
        sequences.append(Sequence(ids, weights))
    return sequences


def chunks(sequences: list[Sequence]) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield padded (ids, weights), each (batch, time), of sequences of like length; padding weighs nothing."""
    ordered = sorted(sequences, key=lambda sequence: len(sequence.ids))
    while ordered:
        longest = len(ordered[-1].ids)
        count = max(1, CHUNK_TOKENS // longest)
        batch, ordered = ordered[-count:], ordered[:-count]
        ids = torch.zeros(len(batch), longest, dtype=torch.long)
        weights = torch.zeros(len(batch), longest)
        for row, sequence in enumerate(batch):
            ids[row, : len(sequence.ids)] = torch.tensor(sequence.ids)
            weights[row, : len(sequence.ids)] = torch.tensor(sequence.weights)
        yield ids, weights


def backward(forward: Forward, sequences: list[Sequence], total_weight: float) -> float:
    """Add the gradient of these sequences' share of a step's mean loss; return that share in nats per token."""
    total = 0.0
    for ids, weights in chunks(sequences):
        with torch.autocast("cpu", torch.bfloat16):
            logits = forward(ids[:, :-1])
        losses = functional.cross_entropy(logits.float().flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
        loss = (losses * weights[:, 1:].flatten()).sum() / total_weight
        loss.backward()  # type: ignore[no-untyped-call]
        total += loss.item()
    return total


def add_up(model: Qwen3, loss: float) -> float:
    """Replace each gradient, and the loss, by its sum over the processes."""
    gradients = [weight.grad for weight in model.parameters() if weight.grad is not None]
    flat = torch.cat([*(gradient.flatten() for gradient in gradients), torch.tensor([loss])])
    distributed.all_reduce(flat)
    for gradient, whole in zip(gradients, flat.split([*(g.numel() for g in gradients), 1]), strict=False):
        gradient.copy_(whole.view_as(gradient))
    return flat[-1].item()


@torch.no_grad()
def accuracy(model: Qwen3, tokenizer: Tokenizer, questions: list[Question]) -> dict[str, float]:
    """Return the share of exactly right answers per task, and of all."""
    talks = [Conversation(((question.prompt, question.answer),)) for question in questions]
    right: dict[str, list[bool]] = defaultdict(list)
    for question, sequence in zip(questions, encode(talks, tokenizer), strict=True):
        ids = torch.tensor([sequence.ids])
        is_answer = torch.tensor(sequence.weights[1:]) == 1.0
        is_right = (model(ids[:, :-1]).argmax(-1) == ids[:, 1:])[0][is_answer].all().item()
        right[question.task].append(bool(is_right))
        right["all"].append(bool(is_right))
    return {task: sum(flags) / len(flags) for task, flags in right.items()}


@dataclass
class Training:
    """A run between two steps; `save` and `resume` carry it over an interruption without changing its result."""

    plan: Plan
    model: Qwen3
    optimizer: Optimizer
    rng: Random
    losses: list[float] = field(default_factory=list)
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0

    @classmethod
    def begin(cls, plan: Plan, shape: Shape, architecture: type[Qwen3] = Qwen3) -> Self:
        """Return a run before its first step."""
        torch.manual_seed(plan.seed)
        model = architecture(shape)
        return cls(plan, model, Optimizer(model, plan.matrix_rate, plan.other_rate), Random(plan.seed))

    def save(self, path: Path) -> None:
        """Write the state whole: an interrupted write leaves the older one."""
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state(),
            "rng": self.rng.getstate(),
            "rest": (self.losses, self.wall_seconds, self.cpu_seconds),
        }
        torch.save(state, path.with_suffix(".part"))
        path.with_suffix(".part").replace(path)

    def resume(self, path: Path) -> None:
        """Take up the state that `save` wrote."""
        state = torch.load(path, weights_only=False)
        self.model.load_state_dict(state["model"])
        self.optimizer.restore(state["optimizer"])
        self.rng.setstate(state["rng"])
        self.losses, self.wall_seconds, self.cpu_seconds = state["rest"]

    def step(self, forward: Forward, tokenizer: Tokenizer, rank: int) -> None:
        """Take one step; every process makes the same text, which is cheap, and takes every n-th sequence by length."""
        stage = sum(len(self.losses) >= begin for begin in self.plan.stages)
        talks = [conversation(self.rng, stage) for _ in range(self.plan.conversations_per_step)]
        sequences = sorted(encode(talks, tokenizer), key=lambda sequence: len(sequence.ids))
        total_weight = sum(sum(sequence.weights[1:]) for sequence in sequences)
        mine = sequences[rank :: self.plan.processes]
        done = len(self.losses)
        self.losses.append(add_up(self.model, backward(forward, mine, total_weight)))
        self.optimizer.step(schedule(done, self.plan.plateau, self.plan.steps))


def run(rank: int, plan: Plan, shape: Shape, folder: Path, state: Path | None, meeting: str) -> None:
    """Train as one of the processes; the first one reports and writes the checkpoint."""
    logging.basicConfig(level=logging.INFO if rank == 0 else logging.ERROR, format="%(message)s")
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=plan.processes)
    tokenizer, training = Tokenizer.from_file(str(folder / "tokenizer.json")), Training.begin(plan, shape)
    if state and state.exists():
        training.resume(state)
    forward: Forward = torch.compile(training.model, dynamic=True) if plan.is_compiled else training.model
    wall, cpu = time.perf_counter() - training.wall_seconds, time.process_time() - training.cpu_seconds
    while len(training.losses) < plan.steps:
        training.step(forward, tokenizer, rank)
        training.wall_seconds, training.cpu_seconds = time.perf_counter() - wall, time.process_time() - cpu
        if rank == 0:
            report(training, tokenizer)
            if state and len(training.losses) % 100 == 0:
                training.save(state)
    if rank == 0:
        write_checkpoint(training.model, config(shape, *end_and_pad(tokenizer)), folder)
        write_questions(folder / "questions.jsonl")
        write_record(training, folder)
    distributed.destroy_process_group()


def report(training: Training, tokenizer: Tokenizer) -> None:
    """Log the loss every 50 steps, and the held-out accuracy per task every 300."""
    done, recent = len(training.losses), training.losses[-50:]
    if done % 50 == 0:
        mean = sum(recent) / len(recent)
        log.info("step %d/%d  loss %.4f  %.0f s", done, training.plan.steps, mean, training.wall_seconds)
    if done % 300 == 0:
        shares = accuracy(training.model, tokenizer, list(held_out_questions()))
        log.info("%s", "  ".join(f"{task} {share:.3f}" for task, share in shares.items()))


def write_json(path: Path, content: object) -> None:
    """Write indented JSON with a final newline."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def end_and_pad(tokenizer: Tokenizer) -> tuple[list[int], int]:
    """Return the ids that end an answer, and the one that fills up a batch."""
    end_of_text = tokenizer.token_to_id(END_OF_TEXT)
    return [tokenizer.token_to_id(END), end_of_text], end_of_text


def write_checkpoint(model: Qwen3, configuration: dict[str, Any], folder: Path) -> None:
    """Write weights in bfloat16 and both configs."""
    tensors = {name: weight.detach().bfloat16().contiguous() for name, weight in model.named_parameters()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "mlx"})
    write_json(folder / "config.json", configuration)
    ends = {key: configuration[key] for key in ("eos_token_id", "pad_token_id")}
    write_json(folder / "generation_config.json", {"do_sample": False, **ends, "max_new_tokens": 64})


def write_record(training: Training, folder: Path) -> None:
    """Log the run's own figures; those of the checkpoint that ships are kept beside this script, for its card."""
    plan, recent = training.plan, training.losses[-100:]
    record = {
        "plan": asdict(plan),
        "parameters": sum(weight.numel() for weight in training.model.parameters()),
        "conversations": plan.steps * plan.conversations_per_step,
        "wall_seconds": round(training.wall_seconds, 1),
        "cpu_seconds_per_process": round(training.cpu_seconds, 1),
        "final_loss_nats": sum(recent) / len(recent),
        "torch": torch.__version__,
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
    }
    write_json((HERE if folder == DATA else folder) / "training.json", record)
    log.info("%s", json.dumps(record))


def main() -> None:
    """Train as the options say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=Plan.steps)
    parser.add_argument("--plateau", type=int, default=Plan.plateau, help="step from which the learning rate falls")
    parser.add_argument("--out", type=Path, default=DATA, help="folder of the checkpoint")
    parser.add_argument("--state", type=Path, help="file to go on from after an interruption")
    parser.add_argument("--no-compile", action="store_true", help="do without a C++ compiler; half as fast")
    arguments = parser.parse_args()
    plan = Plan(steps=arguments.steps, plateau=arguments.plateau, is_compiled=not arguments.no_compile)
    arguments.out.mkdir(parents=True, exist_ok=True)
    write_tokenizer(arguments.out, tokenizer_json(tiny_pieces()))
    with tempfile.TemporaryDirectory() as folder:
        rest = (plan, Shape(), arguments.out, arguments.state, str(Path(folder) / "meeting"))
        multiprocessing.spawn(run, rest, nprocs=plan.processes)


if __name__ == "__main__":
    main()
