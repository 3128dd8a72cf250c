"""From a budget to a layout: sensitivities, what each scheme would lose, the choice, and the proof on held-out text.

What is found on the way is kept, by all that it depends on: an interrupted search goes on where it was.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mlxkit.core.allocation import Allocation, Option, allocate, rescaled
from mlxkit.core.budget import CAREFUL_BITS, Target, candidates, layout, uniform_rivals
from mlxkit.core.checkpoint import Checkpoint
from mlxkit.core.divergence import Divergence, clustered
from mlxkit.core.progress import Progress, Silent
from mlxkit.core.quantization import Layout, Unit
from mlxkit.core.rules import pinned
from mlxkit.core.schemes import Scheme
from mlxkit.engines import models, store
from mlxkit.usecases.quantize.plan import QuantizePlan
from mlxkit.usecases.quantize.text import identity, texts

ROUNDS = 3
"""How often predictions are corrected by what was measured, at most."""

NOISE_NATS = 1e-6
"""What float32 logits leave of a KL divergence: a measured one below it may even be negative, and corrects nothing."""


@dataclass(frozen=True)
class Found:
    """A layout and what is known of it.

    Attributes:
        layout: which unit gets which scheme.
        encoded: gives a unit's weights.
        predicted_nats: KL per token as the choice expected it; None where nothing was chosen.
        measured: on held-out text.
        rival: name of the uniform scheme of that size, encoded alike; None where there is none.
        rival_measured: on the same text.
        is_rival: the uniform one was better and is what this is.
        polished_from: the measured KL before polishing; None when it was not polished or nothing was gained.
    """

    layout: Layout
    encoded: Callable[[str], models.Encoded]
    measured: Divergence
    predicted_nats: float | None = None
    rival: str | None = None
    rival_measured: Divergence | None = None
    is_rival: bool = False
    polished_from: Divergence | None = None


class Search:
    """A checkpoint on the bench, with its sensitivities.

    Args:
        plan: what was asked for.
        source: the checkpoint.
        units: what can be quantized.
        dtype: of scales and biases.
        is_reduced: an 8-bit copy stands in for the original.
        progress: told how far it is.
    """

    def __init__(
        self,
        plan: QuantizePlan,
        source: Checkpoint,
        units: Sequence[Unit],
        dtype: str,
        *,
        is_reduced: bool,
        progress: Progress,
    ) -> None:
        self._plan, self._units, self._progress = plan, units, progress
        self._pinned = pinned(units, plan.rules)
        self._number_bytes = 4 if dtype == "float32" else 2
        self.bench = models.Workbench(source, dtype, is_reduced=is_reduced, trust_remote_code=plan.trust_remote_code)
        base = identity(source, dtype, is_reduced=is_reduced)
        self.calibration, self.held_out = texts(plan, source, self.bench, base, progress)
        self._identity = {**base, "text": self.calibration.data(), "seed": plan.seed}
        self._kept_sensitivities = self._measured_sensitivities()
        self._spool = models.Spool(store.kept("encodings", {**self._identity, "encoder": plan.chosen_encoder}))
        self._factors = {unit.path: 1.0 for unit in units}
        self.bench.ask(models.array(self.held_out.rows), progress)

    def _measured_sensitivities(self) -> Path:
        path = store.kept("sensitivities", self._identity, ".safetensors")
        if not path.exists():
            self.bench.demand_finite(self._progress)
            rows = models.array(self.calibration.rows)
            models.save_sensitivities(
                self.bench.sensitivities(rows, seed=self._plan.seed, progress=self._progress), path
            )
        return path

    def _sensitivity(self, unit: str) -> models.Sensitivity:
        """Return one unit's: all together take more memory than there may be."""
        return models.load_sensitivities(self._kept_sensitivities)[unit]

    def options(self) -> Mapping[str, tuple[Option, ...]]:
        """Return what each unit can be, with its predicted loss."""
        offered = {unit.path: self._offered(unit) for unit in self._units}
        losses = self._losses(offered)
        return {
            unit.path: tuple(
                Option(
                    scheme,
                    unit.size_bytes(scheme, self._number_bytes),
                    losses[unit.path].get(scheme.name, 0.0) if scheme else 0.0,
                )
                for scheme in offered[unit.path]
            )
            for unit in self._units
        }

    def _offered(self, unit: Unit) -> tuple[Scheme | None, ...]:
        offered = candidates(unit, self._pinned)
        if unit.path in self._pinned or self._sensitivity(unit.path).is_known:
            return offered
        # No text reached it, so nothing is known of what it costs.
        return tuple(scheme for scheme in offered if scheme is None or scheme.bits >= CAREFUL_BITS)

    def _losses(self, offered: Mapping[str, Sequence[Scheme | None]]) -> dict[str, dict[str, float]]:
        encoder = self._plan.chosen_encoder
        names = {path: [scheme.name for scheme in schemes if scheme] for path, schemes in offered.items()}
        path = store.kept("losses", {**self._identity, "encoder": encoder, "offered": names}, ".json")
        found: dict[str, dict[str, float]] = store.recalled(path) or {}
        missing = [unit for unit in offered if unit not in found]
        with self._phase("Predicting losses", len(offered), len(found)) as advance:
            for unit, weight in self.bench.weights(missing):
                schemes = [scheme for scheme in offered[unit] if scheme]
                values = models.predicted(weight, schemes, encoder, self._sensitivity(unit))
                found[unit] = {scheme.name: value for scheme, value in zip(schemes, values, strict=True)}
                store.keep(path, json.dumps(found).encode())
                advance(1)
        return found

    def _phase(self, name: str, total: int, done: int = 0) -> Any:
        return self._progress.phase(name, total, "count", done) if done < total else nullcontext(lambda _: None)

    def choose(self, target: Target, fixed_bytes: int, options: Mapping[str, tuple[Option, ...]]) -> Found:
        """Return the best layout for a budget.

        Predictions are corrected, kind by kind, by what is measured, while that makes the measured loss smaller. The
        uniform scheme of that size, encoded alike, is measured too, and taken if it is better.

        Raises:
            DoesNotFitError: the smallest there is exceeds the budget.
        """
        # Beyond what was known before: units that no text reached are offered the wide schemes only.
        target.demand(fixed_bytes + sum(min(option.size_bytes for option in offered) for offered in options.values()))
        room = target.size_bytes - fixed_bytes
        # What one budget has corrected is no part of the next: the same budget gives the same bytes in any company.
        self._factors = dict.fromkeys(self._factors, 1.0)
        found = self._found(allocate(rescaled(options, self._factors), room))
        for _ in range(ROUNDS - 1):
            self._factors = self._corrected(found.layout, options)
            found = replace(found, predicted_nats=self._predicted(found.layout, options))
            allocation = allocate(rescaled(options, self._factors), room)
            if layout(self._units, allocation, self._pinned) == found.layout:
                break
            again = self._found(allocation)
            if again.measured.kl_nats >= found.measured.kl_nats:
                break
            found = again
        return self._against_uniform(found, room, options)

    def _predicted(self, chosen: Layout, options: Mapping[str, tuple[Option, ...]]) -> float:
        return sum(self._factors[path] * _loss(options[path], scheme) for path, scheme in chosen.schemes.items())

    def _found(self, allocation: Allocation) -> Found:
        chosen = layout(self._units, allocation, self._pinned)
        return replace(self.judge(chosen), predicted_nats=allocation.loss_nats)

    def judge(self, chosen: Layout) -> Found:
        """Encode a layout and measure it on held-out text."""
        schemes = dict(chosen.schemes)
        self._encode(schemes)
        measured = self._measured(schemes)
        return Found(chosen, lambda path: self._encoded(path, schemes[path]), measured)

    def polished(self, found: Found) -> Found:
        """Train scales and biases on the original's answers; what does not help on held-out text is not kept."""
        key = {**self._identity, "encoder": self._plan.chosen_encoder, "schemes": _names(found.layout)}
        state = store.kept("polish", key, ".safetensors")
        polished = models.polish(
            self.bench,
            {path: found.encoded(path) for path in found.layout.schemes},
            models.array(self.calibration.rows),
            models.array(self.held_out.rows),
            state=state,
            progress=self._progress,
        )
        encoded = polished.encoded
        measured = self.measure(encoded.items(), self._progress)
        if measured.kl_nats >= found.measured.kl_nats:
            return found
        return replace(found, encoded=encoded.__getitem__, measured=measured, polished_from=found.measured)

    def _encoded(self, path: str, scheme: Scheme) -> models.Encoded:
        if (path, scheme) not in self._spool:  # another run on the same original has ended, and removed it
            self._encode({path: scheme})
        return self._spool.get(path, scheme)

    def _encode(self, schemes: Mapping[str, Scheme]) -> None:
        missing = {path: scheme for path, scheme in schemes.items() if (path, scheme) not in self._spool}
        with self._phase("Encoding weights", len(schemes), len(schemes) - len(missing)) as advance:
            for path, weight in self.bench.weights(missing):
                moments = self._sensitivity(path).moments
                self._spool.put(path, models.encode(weight, missing[path], self._plan.chosen_encoder, moments))
                advance(1)

    def _measured(self, schemes: Mapping[str, Scheme], progress: Progress | None = None) -> Divergence:
        encoded = ((path, self._encoded(path, scheme)) for path, scheme in schemes.items())
        return self.measure(encoded, progress or self._progress)

    def measure(self, encoded: Iterable[tuple[str, models.Encoded]], progress: Progress) -> Divergence:
        """Measure weights on held-out text."""
        with self.bench.trying(encoded):
            return clustered(self.bench.divergences(progress), len(self.held_out.rows[0]))

    def _corrected(self, chosen: Layout, options: Mapping[str, tuple[Option, ...]]) -> dict[str, float]:
        """Return, for each unit, measured over predicted loss of its kind under a layout."""
        kinds: dict[str, list[str]] = {}
        for unit in self._units:
            if unit.path in chosen.schemes:
                kinds.setdefault(unit.kind, []).append(unit.path)
        factors = dict(self._factors)
        with self._phase("Correcting predictions", len(kinds)) as advance:
            for paths in kinds.values():
                schemes = {path: chosen.schemes[path] for path in paths}
                predicted = sum(_loss(options[path], scheme) for path, scheme in schemes.items())
                measured = self._measured(schemes, Silent()).kl_nats if predicted > 0 else 0.0
                if measured > NOISE_NATS:
                    factors.update(dict.fromkeys(paths, measured / predicted))
                advance(1)
        return factors

    def _against_uniform(self, found: Found, room: int, options: Mapping[str, tuple[Option, ...]]) -> Found:
        rivals = {
            name: rival
            for name, rival in uniform_rivals(self._units, rescaled(options, self._factors)).items()
            if rival.size_bytes <= room
        }
        if not rivals:
            return found
        name = min(rivals, key=lambda name: rivals[name].loss_nats)
        rival = self._found(rivals[name])
        is_rival = rival.measured.kl_nats < found.measured.kl_nats
        best = rival if is_rival else found
        return replace(best, rival=name, rival_measured=rival.measured, is_rival=is_rival)

    def most_sensitive(
        self, options: Mapping[str, tuple[Option, ...]], count: int = 10
    ) -> tuple[tuple[str, float], ...]:
        """Return the units that lose most per byte at the narrowest scheme they may have, with what they would lose."""
        worst = {path: max((option.loss_nats for option in offered), default=0.0) for path, offered in options.items()}
        sizes = {unit.path: unit.size_bytes(None) for unit in self._units}
        ranked = sorted(worst, key=lambda path: (-worst[path] / sizes[path], path))
        return tuple((path, worst[path]) for path in ranked[:count])

    def forget_encodings(self) -> None:
        """Remove what was encoded for this search: it has been written where it belongs."""
        store.drop(self._spool.folder)


def _loss(options: Iterable[Option], scheme: Scheme) -> float:
    return next(option.loss_nats for option in options if option.scheme == scheme)


def _names(chosen: Layout) -> dict[str, str]:
    return {path: scheme.name for path, scheme in chosen.schemes.items()}
