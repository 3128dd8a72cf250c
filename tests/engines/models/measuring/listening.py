"""Random models, and what passes through their units, told by another route than the one that is tested.

A unit's class is replaced by one that keeps what it is called with and adds an array of zeros to what it returns. The
gradient with respect to that array is the gradient of the unit's output: nothing custom, nothing recomputed.
"""

from collections import defaultdict
from contextlib import contextmanager

import mlx.core as mx
import numpy as np
from mlx import nn
from mlx.utils import tree_flatten
from mlx_lm.utils import load_model

from mlxkit.core.progress import Silent
from mlxkit.engines.models.measuring import statistics, watching
from tests.fakes.architectures import write


def random_model(name, folder):
    """The model of an architecture, float32, and its units."""
    model, _ = load_model(write(name, folder))
    mx.eval(model.parameters())
    return model, units_of(model)


def units_of(model):
    modules = tree_flatten(model.leaf_modules(), is_leaf=nn.Module.is_module)
    return {path: module for path, module in modules if hasattr(module, "to_quantized") or hasattr(module, "scales")}


def text(count, length, seed=0):
    return mx.random.randint(0, 640, (count, length), key=mx.random.key(seed))


def measured(model, units, rows, seed=1):
    found = statistics.sensitivities(model, units, rows, seed=seed, progress=Silent())
    mx.eval([(each.moments, each.importance) for each in found.values()])
    return found


def numbers(array):
    return np.array(array.astype(mx.float32)).astype(np.float64)


@contextmanager
def listened(units, calls, added):
    """Keep what each call of a unit is given, and add `added[path, number of the call]` to what it returns."""

    def hear(path, how, x, args, y):
        calls[path].append((how, x, args, y.shape))
        return y + added.get((path, len(calls[path]) - 1), 0)

    def overheard(base, path):
        class Overheard(base):
            def __call__(self, x, *args, **options):
                how = "lookup" if hasattr(base, "as_linear") else "linear"
                how = how if {**options}.get("transpose", True) else "transposed"
                return hear(path, how, x, args, super().__call__(x, *args, **options))

            def as_linear(self, x):
                return hear(path, "linear", x, (), super().as_linear(x))

        return Overheard

    bases = {path: type(unit) for path, unit in units.items()}
    for path, unit in units.items():
        unit.__class__ = overheard(bases[path], path)
    try:
        yield
    finally:
        for path, unit in units.items():
            unit.__class__ = bases[path]


def heard(model, units, rows, seed=1):
    """Every call of every unit: how, inputs, other arguments, the output's gradient. Labels are those of `measured`."""
    found = defaultdict(list)
    for begin in range(0, rows.shape[0], statistics.BATCH):
        batch = rows[begin : begin + statistics.BATCH]
        calls = defaultdict(list)
        with listened(units, calls, {}):
            logits = model(batch)
        labels = mx.random.categorical(logits, key=mx.random.key(seed * 2**20 + begin))
        zeros = {
            f"{path}={number}": mx.zeros(call[3])
            for path, all_calls in calls.items()
            for number, call in enumerate(all_calls)
        }

        def loss(added, batch=batch, labels=labels):
            keyed = {(key.split("=")[0], int(key.split("=")[1])): array for key, array in added.items()}
            with listened(units, defaultdict(list), keyed):
                return nn.losses.cross_entropy(model(batch), labels, reduction="sum")

        gradients = mx.grad(loss)(zeros)
        for path, all_calls in calls.items():
            for number, (how, x, args, _) in enumerate(all_calls):
                found[path].append((how, x, args, gradients[f"{path}={number}"]))
    return found


def expected(unit, calls, tokens):
    """H (as one matrix) and g of a unit with these calls, by the definition, in float64."""
    shape = unit.weight.shape
    rows_in_all, width = int(np.prod(shape[:-1])), shape[-1]
    # What calls of one kind have seen is added up before kinds are put together.
    forms, rows = defaultdict(lambda: np.zeros((width, width))), defaultdict(lambda: np.zeros(shape[:-1]))
    counts = defaultdict(lambda: np.zeros(shape[0]))
    for how, x, args, gradient in calls:
        delta = numbers(gradient)
        if how == "lookup":
            forms[how] += np.diag((delta**2).reshape(-1, width).sum(0))
            counts[how] += np.bincount(np.array(x).reshape(-1), minlength=shape[0])
            continue
        ours, theirs = (delta, numbers(x)) if how == "transposed" else (numbers(x), delta)
        energy, weight = ((part**2).sum(-1, keepdims=True) for part in (ours, theirs))
        weight = weight + watching.LEAST * weight.mean()
        leading = np.broadcast_shapes(ours.shape[:-1], theirs.shape[:-1])
        flat = np.broadcast_to(ours, (*leading, width)).reshape(-1, width)
        forms[how] += (flat * np.broadcast_to(weight, (*leading, 1)).reshape(-1, 1)).T @ flat
        squares = np.broadcast_to(theirs**2 * energy, (*leading, theirs.shape[-1]))
        if len(shape) == 2:
            rows[how] += squares.reshape(-1, shape[0]).sum(0)
        elif hasattr(unit, "num_experts"):
            rows[how] += squares.reshape(-1, shape[1]).sum(0)
            counts[how] += np.bincount(np.array(args[0]).reshape(-1), minlength=shape[0])
        else:
            rows[how] += squares.sum((0, 2))
    for how, seen in counts.items():
        share = (1 - statistics.PRIOR) * seen / seen.sum() + statistics.PRIOR / len(seen)
        if how == "lookup":
            rows[how] = share * np.trace(forms[how])
        else:
            rows[how] = share[:, None] * rows[how]
    form = sum(forms[how] / np.trace(forms[how]) * rows[how].sum() for how in forms)
    importance = sum(rows[how] for how in forms).reshape(rows_in_all)
    return form * width / np.trace(form), importance / width / tokens
