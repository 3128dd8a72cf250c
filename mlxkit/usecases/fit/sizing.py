"""What a model takes, wherever it is to run: traced through mlx-lm's own class, or counted from headers alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mlxkit.core.anatomy import active_parameters, matrices, parts
from mlxkit.core.checkpoint import Checkpoint
from mlxkit.core.errors import UnknownArchitectureError
from mlxkit.core.located import Locate
from mlxkit.core.quantization import describe, uniform
from mlxkit.core.schemes import Scheme, parse
from mlxkit.engines import models, store
from mlxkit.usecases.fit.plan import FitPlan

AS_STORED = "as stored"


@dataclass(frozen=True)
class Sized:
    """A model's bytes.

    Attributes:
        checkpoint: sound; its weights may be holes.
        weight_bytes: of all its tensors, as they are stored.
        parameters: how many numbers they stand for.
        layers: how many it has; 0 when that is not known.
        is_mixture: it is a mixture of experts.
        notes: what the user should know.
        in_schemes: gives the bytes that `quantize` would write for each of several schemes.
        traced: as it is stored; None when mlx-lm cannot make it.
        quantized: as `quantize` writes it: it narrows float32, and the cache follows.
    """

    checkpoint: Checkpoint
    weight_bytes: int
    parameters: int
    layers: int
    is_mixture: bool
    notes: tuple[str, ...]
    in_schemes: Callable[[Sequence[Scheme]], tuple[int, ...]]
    traced: models.Traced | None
    quantized: models.Traced | None

    def as_in(self, scheme: str) -> models.Traced | None:
        """Return the model as it would be computed in a scheme."""
        return self.traced if scheme == AS_STORED else self.quantized


def sized(plan: FitPlan, locate: Locate) -> Sized:
    """Return what a plan's model takes.

    Raises:
        CheckpointError: mlx-lm's class cannot use this config.
        MlxkitError: the model is not there, or not sound.
    """
    checkpoint = store.read(plan.model, locate(plan.model).folder, needs_tokenizer=plan.needs_tokenizer).sound()
    trust = plan.trust_remote_code
    try:
        traced = models.trace(checkpoint, trust_remote_code=trust)
    except UnknownArchitectureError as error:
        return _counted(checkpoint, error)

    quantized = traced
    if describe(checkpoint.config) is None:
        quantized = models.trace(checkpoint, scheme=parse("8bit"), trust_remote_code=trust)

    def in_schemes(schemes: Sequence[Scheme]) -> tuple[int, ...]:
        return models.weights(checkpoint, schemes, trust_remote_code=trust) if schemes else ()

    notes = (*checkpoint.warnings, *traced.notes)
    return Sized(
        checkpoint,
        traced.weight_bytes,
        traced.parameters,
        traced.layers,
        traced.is_mixture,
        notes,
        in_schemes,
        traced,
        quantized,
    )


def _counted(checkpoint: Checkpoint, error: UnknownArchitectureError) -> Sized:
    found = list(parts(checkpoint))
    units = matrices(checkpoint)
    named = {f"{unit.path}.weight" for unit in units}
    # `quantize` narrows what it leaves unquantized, too.
    others_bytes = sum(
        tensor.size_bytes // (2 if tensor.dtype == "F32" else 1)
        for name, tensor in checkpoint.tensors.items()
        if name not in named
    )

    def in_schemes(schemes: Sequence[Scheme]) -> tuple[int, ...]:
        return tuple(map(size, schemes))

    def size(scheme: Scheme) -> int:
        chosen = uniform(units, scheme).schemes
        return others_bytes + sum(unit.size_bytes(chosen.get(unit.path)) for unit in units)

    note = f"{error.message} Sizes are counted from headers; what its cache takes is not known, and it cannot be run."
    return Sized(
        checkpoint,
        checkpoint.size_bytes,
        sum(part.parameters for part in found),
        0,
        active_parameters(checkpoint.config, found) is not None,
        (*checkpoint.warnings, note),
        in_schemes,
        None,
        None,
    )
