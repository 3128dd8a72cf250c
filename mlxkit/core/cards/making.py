"""How weights were made, and what predictions say of devices: facts of the record and of the weights themselves."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mlxkit.core.anatomy import Part
from mlxkit.core.cards.facts import Facts, mapping
from mlxkit.core.cards.figures import NOT_KNOWN, Figure, Grid, Row, fact, line, written
from mlxkit.core.checkpoint import MLX_DTYPES
from mlxkit.core.measurement import SHOWN
from mlxkit.core.numbers import number
from mlxkit.core.sizes import size_text

_NARROWEST_SHOWN = 5
_FEW_SCHEMES = 2

Item = tuple[str, Figure | str]
"""A label, and what stands beside it."""


def summary(facts: Facts) -> tuple[Item, ...]:
    """Return the facts that a card begins with."""
    return (
        ("Quantization", _schemes(facts)),
        ("Bits per weight", fact(facts.bits_per_weight, "bits")),
        ("Size of all tensors", fact(facts.size_bytes, "bytes")),
        ("Parameters", fact(facts.parameters, "count")),
        ("Architecture", facts.architecture),
        ("License", facts.license_name or facts.license or NOT_KNOWN),
        ("Digest of the weights", facts.digest),
    )


def _schemes(facts: Facts) -> str:
    """Return the name of the scheme; of many, how many and how wide they are."""
    schemes = {part.scheme for part in facts.parts if part.scheme}
    if len(schemes) <= _FEW_SCHEMES:
        return ", ".join(scheme.name for scheme in sorted(schemes)) or "none"
    bits = [scheme.bits for scheme in schemes]
    return f"mixed: {len(schemes)} schemes of {min(bits)} to {max(bits)} bits"


def steps(facts: Facts) -> tuple[Item, ...]:
    """Return what was done, with which software, on which text."""
    options, command = facts.options, line(facts.record.get("command"))
    budget = mapping(options.get("budget"))
    asked = line(budget.get("wish")) or line(options.get("mix")) or line(options.get("scheme"))
    found: list[Item] = [("Made with", f"mlxkit {command}" if command else NOT_KNOWN), ("From", facts.source_name)]
    found += [("Commit of the source", facts.source_commit)] if facts.source_commit else []
    borrowed = line(facts.section("source").get("tokenizer"))
    found += [("Tokenizer of", borrowed)] if borrowed else []
    found += [("Asked for", asked)] if asked else []
    for label, key in (("Encoder", "encoder"), ("Type of scales and unquantized weights", "dtype")):
        told = line(options.get(key)) or (line(facts.record.get(key)) if key == "dtype" else "")
        found += [(label, told)] if told else []
    found += [("Polished", "yes: scales and biases were trained")] if options.get("polish") is True else []
    for label, key in (("Calibration text", "calibration"), ("Text held out to judge by", "held_out")):
        found += [(label, _text(mapping(options.get(key))))] if options.get(key) else []
    found += [(label, told) for label, key in _SOFTWARE if (told := _pairs(facts.section(key)))]
    return tuple(found)


_SOFTWARE = (("Versions", "versions"), ("Platform", "platform"))


def _text(text: Mapping[str, Any]) -> str:
    tokens, digest = number(text.get("tokens")), line(text.get("digest"))
    told = (
        line(text.get("origin")) or "origin not known",
        f"{written(tokens, 'count')} tokens" if tokens is not None else "",
        f"digest {digest[:SHOWN]}" if digest else "",
    )
    return ", ".join(filter(None, told))


def _pairs(told: Mapping[str, Any]) -> str:
    known = ((line(name), line(value)) for name, value in sorted(told.items()))
    return ", ".join(f"{name} {value}" for name, value in known if name and value)


def histogram(facts: Facts) -> Grid:
    """Return how many weights of which kind have which scheme, the widest first."""
    groups: dict[tuple[float, str], list[Part]] = {}
    for part in facts.parts:
        bits = part.scheme.bits_per_weight if part.scheme else 32.0
        name = part.scheme.name if part.scheme else f"unquantized, {MLX_DTYPES.get(part.dtype, part.dtype)}"
        groups.setdefault((-bits, name), []).append(part)
    return Grid(
        ("Scheme", "Of"),
        ("Tensors", "Parameters", "Size"),
        tuple(Row((name, _kinds(parts)), _sums(parts)) for (_, name), parts in sorted(groups.items())),
    )


def _kinds(parts: Iterable[Part]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in Counter(part.kind for part in parts).most_common())


def _sums(parts: list[Part]) -> tuple[Figure, ...]:
    sums = (len(parts), sum(part.parameters for part in parts), sum(part.size_bytes for part in parts))
    return (fact(sums[0], "count"), fact(sums[1], "count"), fact(sums[2], "bytes"))


def narrowest(facts: Facts) -> str | None:
    """Return a sentence on the layers with the fewest bits; None where all have as many."""
    schemes = {part.scheme.bits for part in facts.parts if part.scheme}
    if len(schemes) < 2:
        return None
    parts = [part for part in facts.parts if part.scheme and part.scheme.bits == min(schemes)]
    names = [part.name.removesuffix(".weight") for part in parts]
    shown = ", ".join(names[:_NARROWEST_SHOWN]) + (", ..." if len(names) > _NARROWEST_SHOWN else "")
    return f"The fewest bits, {min(schemes)}, are in {written(len(names), 'count')} of the weights: {shown}."


def notes(facts: Facts) -> Iterator[str]:
    """Yield the sentences of the build record."""
    told = facts.record.get("notes")
    yield from (said for note in (told if isinstance(told, list | tuple) else ()) if (said := line(note)))


def fits(facts: Facts) -> Grid:
    """Return the predictions for devices, a row for each and each context."""
    headings = ("Context, tokens", "Takes", "There is", "Longest context, tokens", "Decode, tok/s")
    rows = []
    for fit in facts.fits:
        limit = f"{size_text(fit.limit_bytes)}" if fit.limit_bytes is not None else NOT_KNOWN
        sizes = (fact(fit.context, "tokens"), fact(fit.total_bytes, "bytes"), Figure(fit.limit_bytes, "bytes", limit))
        words = (line(fit.device) or "not named", fit.verdict or NOT_KNOWN)
        rows.append(Row(words, (*sizes, fact(fit.longest, "tokens"), _pace(fit.decode_tps, fit.decode_band))))
    return Grid(("Device", "Predicted"), headings, tuple(rows))


def _pace(decode_tps: float | None, band: float | None) -> Figure:
    found = fact(decode_tps, "tps")
    if found.value is None:
        return found
    return Figure(found.value, "tps", f"about {found.text}" + (f" (± {100 * band:.0f} %)" if band else ""))
