"""The guard before a model is loaded: what it will take, against what there is."""

from collections.abc import Callable

from mlxkit.core.anatomy import parts
from mlxkit.core.checkpoint import Checkpoint
from mlxkit.core.errors import CheckpointError, DoesNotFitError
from mlxkit.core.fitting import USUAL_CONTEXT, Need, longest, vocabulary
from mlxkit.core.schemes import Scheme
from mlxkit.core.sizes import size_text
from mlxkit.engines.models.tracing import Traced, trace, weights

_AMPLE = 4
_AMPLE_BYTES = 4 * 10**9
"""Where a limit leaves four times the weights and so much more, nothing need be traced."""


def demand_room(
    checkpoint: Checkpoint,
    limit_bytes: int | None,
    *,
    context: int = USUAL_CONTEXT,
    batch: int = 1,
    is_plain: bool = False,
    logits: int = 0,
    on_cpu: bool = False,
    trust_remote_code: bool = False,
) -> Callable[[], int | None]:
    """Refuse a model that does not fit, before anything of it is loaded.

    Args:
        checkpoint: sound.
        limit_bytes: what there is for it; None when that is not known, and nothing is refused.
        context: tokens of each row.
        batch: rows side by side.
        is_plain: its weights are decoded, to four bytes a number.
        logits: of how many models the logits of all tokens are held at once, four bytes a number.
        on_cpu: MLX's CPU backend computes it.
        trust_remote_code: run code that comes with it.

    Returns:
        What gives the longest context that fits, which takes looking for; None when all of the model's own does, or
        nothing bounds it.

    Raises:
        DoesNotFitError: it takes more than there is.
    """
    if limit_bytes is None or _AMPLE * checkpoint.size_bytes + _AMPLE_BYTES < limit_bytes:
        return _unbounded
    try:
        traced = trace(checkpoint, trust_remote_code=trust_remote_code)
        needs = _Needs(traced, batch, is_plain=is_plain, logits=logits, on_cpu=on_cpu)
        need = needs.at(min(context, checkpoint.context or context))
    except CheckpointError:
        return _unbounded  # what keeps it from being traced is told when it is loaded
    if need.total_bytes > limit_bytes:
        raise DoesNotFitError(
            f"{checkpoint.name!r} takes {size_text(need.total_bytes)} ({size_text(need.weight_bytes)} of weights, "
            f"{size_text(need.cache_bytes or 0)} of cache, about {size_text(need.workspace_bytes)} to work in), "
            f"and there is {size_text(limit_bytes)}.",
            hint=needs.advice(limit_bytes, context),
        )
    return lambda: needs.bound(limit_bytes)


def _unbounded() -> None:
    """Say that nothing is known to bound a context."""


def needed(
    checkpoint: Checkpoint,
    *,
    context: int,
    batch: int,
    on_cpu: bool,
    trust_remote_code: bool,
    is_plain: bool = False,
    logits: int = 0,
) -> Need:
    """Return what a model takes.

    Args:
        checkpoint: sound.
        context: tokens of each row.
        batch: rows side by side.
        is_plain: its weights are decoded, to four bytes a number; else they are as they are stored.
        logits: of how many models the logits of all tokens are held at once, four bytes a number.
        on_cpu: MLX's CPU backend computes it.
        trust_remote_code: run code that comes with it.

    Raises:
        CheckpointError: it cannot be traced.
    """
    traced = trace(checkpoint, trust_remote_code=trust_remote_code)
    return _Needs(traced, batch, is_plain=is_plain, logits=logits, on_cpu=on_cpu).at(context)


class _Needs:
    """What a traced model takes at any context."""

    def __init__(self, traced: Traced, batch: int, *, is_plain: bool, logits: int, on_cpu: bool) -> None:
        self._traced, self._batch, self._is_plain, self._on_cpu = traced, batch, is_plain, on_cpu
        self._weight_bytes = 4 * traced.parameters if is_plain else traced.weight_bytes
        self._logit_bytes = 4 * logits * batch * vocabulary(traced.checkpoint.config)  # for each token
        self._is_quantized = any(part.scheme is not None for part in parts(traced.checkpoint))

    def at(self, context: int, weight_bytes: int | None = None) -> Need:
        """Return what it takes, or would with other weights."""
        held = self._weight_bytes if weight_bytes is None else weight_bytes
        return Need(held, self._traced.cache_bytes(context, self._batch).allocated, self._workspace(context))

    def bound(self, limit_bytes: int) -> int | None:
        """Return the longest context that fits; None when all of the model's own does, or that is not known."""
        own = self._traced.checkpoint.context
        if own is None or self.at(own).total_bytes <= limit_bytes:
            return None
        return self.longest(own, limit_bytes)

    def longest(self, most: int, limit_bytes: int) -> int:
        """Return the longest context up to `most` that fits."""
        return longest(most, lambda tokens: self.at(tokens).total_bytes <= limit_bytes)

    def advice(self, limit_bytes: int, context: int) -> str:
        """Return what would fit."""
        fitting = self.longest(context, limit_bytes)
        if fitting:
            return f"a context of {fitting:,} tokens fits; --force loads it all the same"
        checkpoint = self._traced.checkpoint
        is_fixed = self._is_plain or self._is_quantized
        schemes = [] if is_fixed else [Scheme("affine", bits, 64) for bits in (8, 6, 4, 3)]
        sizes = weights(checkpoint, schemes) if schemes else ()
        for scheme, size_bytes in zip(schemes, sizes, strict=True):
            if self.at(context, size_bytes).total_bytes <= limit_bytes:
                return f"`mlxkit quantize {checkpoint.name} DEST --scheme {scheme.bits}bit` would fit; --force loads it"
        return "use a smaller model; --force loads it all the same"

    def _workspace(self, context: int) -> int:
        computed = self._traced.workspace_bytes(context, self._batch, on_cpu=self._on_cpu, is_plain=self._is_plain)
        return computed + context * self._logit_bytes
