"""Train small from nothing and write its checkpoint: weights, configs, tokenizer and held-out text.

A step sees windows of the library's sources and conversations of tiny's; the mean loss of each kind is one half of the
step's. One process with one thread does it all. The last step's weights are what is written: no checkpoint is chosen
by its score, and nothing held out is looked at here.
"""

import argparse
import json
import logging
import platform
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random

import torch
from tokenizers import Tokenizer

# Before this script's own folder, whose `train` would otherwise be found for tiny's.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tiny"))

from generate import SEED, conversation
from llama import SHAPE, WINDOW, Llama, llama_config
from optimize import schedule
from sources import training_documents, write_held_out
from tokens import END_OF_TEXT, write_tokenizer
from train import Forward, Sequence, Training, backward, encode, end_and_pad, write_checkpoint, write_json
from vocabulary import byte_pairs

HERE = Path(__file__).resolve().parent

log = logging.getLogger("small")


@dataclass(frozen=True)
class Plan:
    """What a run depends on, besides the text; it is written beside the weights' figures."""

    steps: int = 1500
    plateau: int = 900
    windows_per_step: int = 4
    conversations_per_step: int = 55
    matrix_rate: float = 0.02
    other_rate: float = 0.004
    seed: int = SEED
    is_compiled: bool = True


class Windows:
    """The library as one row of tokens, cut into windows: each epoch at other places, in another order."""

    def __init__(self, tokenizer: Tokenizer, seed: int) -> None:
        """Encode every training document, an end of text behind each."""
        end, ids = tokenizer.token_to_id(END_OF_TEXT), list[int]()
        for encoding in tokenizer.encode_batch(training_documents(), add_special_tokens=False):
            ids += [*encoding.ids, end]
        self.ids = torch.tensor(ids)
        self.seed, self.count = seed, (len(ids) - 1) // WINDOW - 1
        self.epoch, self.starts = -1, list[int]()

    def __getitem__(self, number: int) -> Sequence:
        """Return a window by its number since the run began: `WINDOW` predictions of weight 1."""
        epoch, place = divmod(number, self.count)
        if epoch != self.epoch:
            rng = Random(f"windows {self.seed} {epoch}")
            offset = rng.randrange(WINDOW)
            self.epoch = epoch
            self.starts = rng.sample(range(offset, offset + self.count * WINDOW, WINDOW), self.count)
        begin = self.starts[place]
        return Sequence(self.ids[begin : begin + WINDOW + 1].tolist(), [1.0] * (WINDOW + 1))


@dataclass
class Run(Training):
    """A run between two steps, with the losses of (windows, conversations) of each step."""

    plan: Plan
    losses: list[tuple[float, float]] = field(default_factory=list)

    def step_on(self, forward: Forward, tokenizer: Tokenizer, windows: Windows) -> None:
        """Take one step."""
        plan, done = self.plan, len(self.losses)
        first = done * plan.windows_per_step
        seen = [windows[first + i] for i in range(plan.windows_per_step)]
        talks = encode([conversation(self.rng) for _ in range(plan.conversations_per_step)], tokenizer)
        self.losses.append((half_backward(forward, seen), half_backward(forward, talks)))
        self.optimizer.step(schedule(done, plan.plateau, plan.steps))

    def mean_losses(self, count: int) -> tuple[float, float]:
        """Return the losses of (windows, conversations), each the mean of the last steps."""
        recent = self.losses[-count:]
        return sum(text for text, _ in recent) / len(recent), sum(talk for _, talk in recent) / len(recent)


def half_backward(forward: Forward, sequences: list[Sequence]) -> float:
    """Add half the gradient of the sequences' mean loss; return that loss in nats per token."""
    total_weight = sum(sum(sequence.weights[1:]) for sequence in sequences)
    return 2 * backward(forward, sequences, 2 * total_weight)


def train(run: Run, tokenizer: Tokenizer, windows: Windows, state: Path | None) -> None:
    """Take the steps that are left, and keep the state every 100."""
    # Windows are all of one shape and conversations are not, so PyTorch is left to find out what varies.
    forward: Forward = torch.compile(run.model) if run.plan.is_compiled else run.model
    wall, cpu = time.perf_counter() - run.wall_seconds, time.process_time() - run.cpu_seconds
    while len(run.losses) < run.plan.steps:
        run.step_on(forward, tokenizer, windows)
        run.wall_seconds, run.cpu_seconds = time.perf_counter() - wall, time.process_time() - cpu
        done = len(run.losses)
        if done % 50 == 0:
            losses = run.mean_losses(50)
            log.info("step %d/%d  text %.4f  talk %.4f  %.0f s", done, run.plan.steps, *losses, run.wall_seconds)
        if state and done % 100 == 0:
            run.save(state)


def write_record(run: Run, library_tokens: int) -> None:
    """Write the figures of the run beside this script."""
    plan, (text, talk) = run.plan, run.mean_losses(100)
    record = {
        "plan": asdict(plan),
        "parameters": sum(weight.numel() for weight in run.model.parameters()),
        "library_tokens": library_tokens,
        "text_tokens": plan.steps * plan.windows_per_step * WINDOW,
        "conversations": plan.steps * plan.conversations_per_step,
        "wall_seconds": round(run.wall_seconds, 1),
        "cpu_seconds": round(run.cpu_seconds, 1),
        "final_text_loss_nats": text,
        "final_conversation_loss_nats": talk,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "machine": f"{platform.system()} {platform.machine()}, one thread",
    }
    write_json(HERE / "training.json", record)
    log.info("%s", json.dumps(record))


def main() -> None:
    """Train as the options say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=Plan.steps)
    parser.add_argument("--plateau", type=int, default=Plan.plateau, help="step from which the learning rate falls")
    parser.add_argument("--out", type=Path, default=HERE / "checkpoint", help="folder of the checkpoint")
    parser.add_argument("--state", type=Path, help="file to go on from after an interruption")
    parser.add_argument("--no-compile", action="store_true", help="do without a C++ compiler; half as fast")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    plan = Plan(steps=arguments.steps, plateau=arguments.plateau, is_compiled=not arguments.no_compile)
    arguments.out.mkdir(parents=True, exist_ok=True)
    tokenizer = write_tokenizer(arguments.out, byte_pairs(SHAPE.vocab_size))
    write_held_out(arguments.out)
    run, windows = Run.begin(plan, SHAPE, Llama), Windows(tokenizer, plan.seed)
    if arguments.state and arguments.state.exists():
        run.resume(arguments.state)
    train(run, tokenizer, windows, arguments.state)
    write_checkpoint(run.model, llama_config(SHAPE, *end_and_pad(tokenizer)), arguments.out)
    write_record(run, len(windows.ids))


if __name__ == "__main__":
    main()
