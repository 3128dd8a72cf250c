"""What text says of a model, and of what it lost against its original: figures with their errors, from its rows."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Literal

from mlxkit.core.estimates import Estimate, clustered, quantile
from mlxkit.core.text import Text

SHARES = (0.5, 0.9, 0.95, 0.99, 0.999, 1.0)
"""Of which shares of all tokens the largest KL is kept."""

_BITS = 1 / math.log(2)


@dataclass(frozen=True)
class Judged:
    """What one row of text says of a model: of each token but the first, which nothing is expected of.

    Attributes:
        nll_nats: -ln p of the token that came, in nats.
        kl_nats: KL(original || model) of what could have come, in nats; empty without an original.
        reference_nll_nats: the original's -ln p; empty without one.
        agrees: both hold the same token for the likeliest; empty without an original.
    """

    nll_nats: tuple[float, ...]
    kl_nats: tuple[float, ...] = ()
    reference_nll_nats: tuple[float, ...] = ()
    agrees: tuple[bool, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON, for `Judged.from_json`."""
        return {one.name: getattr(self, one.name) for one in fields(self)}  # `asdict` copies every number

    @classmethod
    def from_json(cls, said: dict[str, Any]) -> "Judged":
        """Return what `as_json` gave.

        Raises:
            TypeError: it gave something else.
        """
        return cls(**{name: tuple(values) for name, values in said.items()})


@dataclass(frozen=True)
class Quality:
    """Rows of text that were judged.

    Documents are taken for independent of each other: what rows begin in the same one is one cluster. Text of a single
    document has no such clusters, and rows stand for them.

    Attributes:
        rows: at least one.
        documents: of each row, the one that it begins in.
        sizes_bytes: of each row, the text of the tokens that were judged, in UTF-8.
    """

    rows: tuple[Judged, ...]
    documents: tuple[str, ...]
    sizes_bytes: tuple[int, ...]

    @classmethod
    def of(cls, rows: Sequence[Judged], text: Text, sizes_bytes: Sequence[int]) -> "Quality":
        """Return what the first rows of a text say."""
        number = len(rows)
        documents = tuple(held[0] for held in text.documents[:number])
        return cls(tuple(rows), documents or tuple(map(str, range(number))), tuple(sizes_bytes[:number]))

    @property
    def clustered_by(self) -> Literal["document", "row"]:
        """What is taken for independent."""
        return "document" if len(set(self.documents)) > 1 else "row"

    @cached_property
    def _clusters(self) -> tuple[tuple[int, ...], ...]:
        """The rows of each cluster."""
        if self.clustered_by == "row":
            return tuple((number,) for number in range(len(self.rows)))
        found: dict[str, list[int]] = {}
        for number, document in enumerate(self.documents):
            found.setdefault(document, []).append(number)
        return tuple(map(tuple, found.values()))

    def _mean(self, values: Sequence[float], counts: Sequence[float]) -> Estimate:
        """Return a mean from each row's sum and count."""
        return clustered(
            [math.fsum(values[row] for row in rows) for rows in self._clusters],
            [math.fsum(counts[row] for row in rows) for rows in self._clusters],
        )

    @property
    def _counts(self) -> list[int]:
        return [len(row.nll_nats) for row in self.rows]

    @property
    def tokens(self) -> int:
        """How many tokens were judged."""
        return sum(self._counts)

    @property
    def has_reference(self) -> bool:
        """Whether there was an original to compare with."""
        return bool(self.rows[0].kl_nats)

    @cached_property
    def nll(self) -> Estimate:
        """-ln p of a token, in nats."""
        return self._mean([math.fsum(row.nll_nats) for row in self.rows], self._counts)

    @property
    def perplexity(self) -> Estimate:
        """e^nll."""
        return self.nll.exp()

    @property
    def bits_per_byte(self) -> Estimate | None:
        """-log2 p of a byte of text; None where the tokens stand for no text."""
        if not sum(self.sizes_bytes):
            return None
        return self._mean([math.fsum(row.nll_nats) for row in self.rows], self.sizes_bytes).times(_BITS)

    @cached_property
    def kl(self) -> Estimate:
        """KL(original || model) of a token, in nats."""
        return self._mean([math.fsum(row.kl_nats) for row in self.rows], self._counts)

    @property
    def top1_agreement(self) -> Estimate:
        """Share of tokens where both hold the same one for the likeliest."""
        return self._mean([float(sum(row.agrees)) for row in self.rows], self._counts)

    @property
    def reference_perplexity(self) -> Estimate:
        """The original's perplexity."""
        return self._mean([math.fsum(row.reference_nll_nats) for row in self.rows], self._counts).exp()

    @property
    def perplexity_ratio(self) -> Estimate:
        """The model's perplexity over the original's, with the error of the paired difference of their nll."""
        differences = [math.fsum(row.nll_nats) - math.fsum(row.reference_nll_nats) for row in self.rows]
        return self._mean(differences, self._counts).exp()

    @property
    def chief(self) -> Estimate:
        """What the text is judged for: KL against the original, or nll without one."""
        return self.kl if self.has_reference else self.nll

    def kl_quantile(self, share: float) -> float:
        """Return the smallest KL, in nats, that at least a share of all tokens does not exceed."""
        return quantile(self._ordered, share)

    @cached_property
    def _ordered(self) -> list[float]:
        return sorted(value for row in self.rows for value in row.kl_nats)

    def summary(self) -> dict[str, Any]:
        """Return all figures as JSON, each with its standard error under its name and ``_se``."""
        found: dict[str, Any] = {
            "tokens": self.tokens,
            "rows": len(self.rows),
            "clusters": len(self._clusters),
            "clustered_by": self.clustered_by,
            **_named("nll_nats", self.nll),
            **_named("perplexity", self.perplexity),
            **_named("bits_per_byte", self.bits_per_byte),
        }
        if self.has_reference:
            found |= {
                **_named("kl_nats", self.kl),
                "kl_nats_median": self.kl_quantile(0.5),
                "kl_nats_p99": self.kl_quantile(0.99),
                "kl_nats_p999": self.kl_quantile(0.999),
                "kl_nats_max": self.kl_quantile(1),
                **_named("top1_agreement", self.top1_agreement),
                **_named("reference_perplexity", self.reference_perplexity),
                **_named("perplexity_ratio", self.perplexity_ratio),
            }
        return found

    def raw(self) -> dict[str, Any]:
        """Return what the figures can be made from again, row by row, as JSON: sums over its tokens."""
        found: dict[str, Any] = {"rows": list(self._raw_rows())}
        if self.has_reference:
            found["kl_nats_quantiles"] = {str(share): self.kl_quantile(share) for share in SHARES}
        return found

    def _raw_rows(self) -> Iterator[dict[str, Any]]:
        numbers = {row: number for number, rows in enumerate(self._clusters) for row in rows}
        for number, (row, size_bytes) in enumerate(zip(self.rows, self.sizes_bytes, strict=True)):
            found = {
                "cluster": numbers[number],
                "tokens": len(row.nll_nats),
                "size_bytes": size_bytes,
                "nll_nats": math.fsum(row.nll_nats),
            }
            if self.has_reference:
                found |= {
                    "kl_nats": math.fsum(row.kl_nats),
                    "reference_nll_nats": math.fsum(row.reference_nll_nats),
                    "agreed": sum(row.agrees),
                }
            yield found


def _named(name: str, estimate: Estimate | None) -> dict[str, Any]:
    if estimate is None:
        return {name: None, f"{name}_se": None}
    interval = estimate.interval
    return {name: estimate.value, f"{name}_se": estimate.se, f"{name}_ci95": list(interval) if interval else None}
