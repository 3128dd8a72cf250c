"""The tables of a card, each row of which is one measurement."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mlxkit.core.cards.figures import Figure, Grid, Row, absent, figured, last_part, line, written
from mlxkit.core.cards.rows import Chosen
from mlxkit.core.measurement import Measurement
from mlxkit.core.numbers import number
from mlxkit.core.peers import reference_digest
from mlxkit.core.report import Unit

_LOSSES: tuple[tuple[str, str, Unit], ...] = (
    ("KL, nats per token", "kl_nats", "nats"),
    ("median", "kl_nats_median", "nats"),
    ("p99", "kl_nats_p99", "nats"),
    ("p99.9", "kl_nats_p999", "nats"),
    ("Same most likely token", "top1_agreement", "share"),
    ("Noise floor, nats", "noise_floor_kl_nats", "nats"),
)
_PERPLEXITIES: tuple[tuple[str, str, Unit], ...] = (
    ("Tokens", "tokens", "count"),
    ("Perplexity", "perplexity", "ratio"),
    ("Original's", "reference_perplexity", "ratio"),
    ("Ratio", "perplexity_ratio", "ratio"),
    ("Bits per byte", "bits_per_byte", "ratio"),
)
_SPEEDS: tuple[tuple[str, str, Unit], ...] = (
    ("Prefill, tok/s", "prompt_tps", "tps"),
    ("Decode, tok/s", "generation_tps", "tps"),
    ("First token", "ttft_seconds", "seconds"),
    ("Peak memory", "peak_memory_bytes", "bytes"),
    ("Of measured bandwidth", "share_of_ceiling", "share"),
)
_STARTS: tuple[tuple[str, str, Unit], ...] = (
    ("Import", "import_seconds", "seconds"),
    ("Load", "load_seconds", "seconds"),
    ("First token", "first_seconds", "seconds"),
    ("All", "total_seconds", "seconds"),
)
_MEMORY: tuple[tuple[str, str, Unit], ...] = (("Peak memory", "peak_memory_bytes", "bytes"),)
_POWER = {"ac": "on mains power", "battery": "on battery"}
_ANSWERS = ("Asked", "Right", "95 % from", "to", "Lost", "Gained", "p")


def losses(chosen: Chosen) -> Grid:
    """Return what was lost against the original, a row for each text."""
    compared = [found for found in chosen.of("quality") if reference_digest(found)]
    return _grid(("Text",), _LOSSES, [((text_name(found),), found) for found in compared])


def perplexities(chosen: Chosen) -> Grid:
    """Return how well text is expected, a row for each."""
    return _grid(("Text",), _PERPLEXITIES, [((text_name(found),), found) for found in chosen.of("quality")])


def speeds(measurements: tuple[Measurement, ...]) -> Grid:
    """Return how fast it is once it is warm, a row for each work and machine."""
    warm = [found for found in measurements if found.workload.get("is_cold") is not True]
    return _grid(("Machine", "Given"), _SPEEDS, [((machine_name(found), given(found)), found) for found in warm])


def starts(chosen: Chosen) -> Grid:
    """Return how long a fresh process takes to its first token."""
    cold = [found for found in chosen.of("throughput") if found.workload.get("is_cold") is True]
    return _grid(("Machine", "Given"), _STARTS, [((machine_name(found), given(found)), found) for found in cold])


def memory(chosen: Chosen) -> Grid:
    """Return what judging text took."""
    rows = [((machine_name(found), given(found)), found) for found in chosen.of("memory")]
    return _grid(("Machine", "Given"), _MEMORY, rows)


def tasks(chosen: Chosen) -> Grid:
    """Return how many questions are answered; of lm-evaluation-harness a row for each figure."""
    return Grid(("Task",), _ANSWERS, tuple(row for found in chosen.of("task") for row in _task_rows(found)))


def harness_figures(found: Measurement) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield the figures of lm-evaluation-harness, with their numbers; none for other tasks."""
    figures = found.summary.get("figures")
    for number_, figure in enumerate(figures if isinstance(figures, list) else ()):
        if isinstance(figure, Mapping):
            yield number_, figure


def _task_rows(found: Measurement) -> Iterator[Row]:
    name = line(found.workload.get("task")) or "not named"
    if "figures" not in found.summary:
        yield Row((name,), _answers(found, found.summary, "", "share", "", "asked"), found.id)
    for position, figure in harness_figures(found):
        label = ", ".join(filter(None, (line(figure.get("metric")), _filter(figure))))
        words = (f"{line(figure.get('task')) or name}: {label}",)
        yield Row(words, _answers(found, figure, f"figures.{position}.", "value", "stderr", "samples"), found.id)


def _filter(figure: Mapping[str, Any]) -> str:
    told = line(figure.get("filter"))
    return "" if told == "none" else told


def _answers(
    found: Measurement, summary: Mapping[str, Any], under: str, share: str, error: str, asked: str
) -> tuple[Figure, ...]:
    def one(key: str, unit: Unit, error: str = "") -> Figure:
        return figured(found, summary, key, unit, under=under, error=error)

    score = one(share, "share", error)
    if share == "value" and score.value is not None and not 0 <= score.value <= 1:
        score = one(share, "ratio", error)  # a perplexity, say
    ends = summary.get("interval_95")
    low, high = ends if isinstance(ends, list) and len(ends) == 2 else (None, None)
    counts = (one("lost", "count"), one("gained", "count"), one("p_value", "ratio"))
    return (one(asked, "count"), score, *_ends(found, under, low, high), *counts)


def _ends(found: Measurement, under: str, *ends: Any) -> Iterator[Figure]:
    for position, end in enumerate(ends):
        value = number(end)
        if value is None:
            yield absent("share")
        else:
            yield Figure(value, "share", written(value, "share"), found.id, f"{under}interval_95.{position}")


def _grid(
    words: tuple[str, ...],
    figures: tuple[tuple[str, str, Unit], ...],
    rows: Sequence[tuple[tuple[str, ...], Measurement]],
) -> Grid:
    found = tuple(Row(said, tuple(_figure(one, key, unit) for _, key, unit in figures), one.id) for said, one in rows)
    return Grid(words, tuple(heading for heading, _, _ in figures), found)


def _figure(found: Measurement, key: str, unit: Unit) -> Figure:
    # What repeated trials vary by is their standard deviation: they are no sample of anything.
    return figured(found, found.summary, key, unit, error=f"{key}_sd" if unit == "tps" else "")


def text_name(found: Measurement) -> str:
    """Return what a text is called: one that a model wrote itself says so."""
    name = last_part(found.workload.get("text")) or "not named"
    if name == "self":
        writer = "by the original" if reference_digest(found) else "by these weights"
        name = f"self-written text ({writer})" if found.kind == "quality" else "self-written text"
    return f"{name} (calibration text)" if found.workload.get("is_calibration_text") is True else name


def given(found: Measurement) -> str:
    """Return what a model was given, in words."""
    work = found.workload
    if found.kind == "task":
        return line(work.get("task")) or "not named"
    prompt, generated = number(work.get("prompt_tokens")), number(work.get("generated_tokens"))
    if prompt is None or generated is None:
        context = number(work.get("context"))
        text = text_name(found) if "text" in work else "not named"
        return text if context is None else f"{text}, rows of {written(context, 'count')} tokens"
    said = f"{written(prompt, 'count')} + {written(generated, 'count')} tokens"
    depth, batch = number(work.get("depth")), number(work.get("batch"))
    said += f", {written(depth, 'count')} before them" if depth else ""
    return said + (f", batch {written(batch, 'count')}" if batch and batch != 1 else "")


def machine_name(found: Measurement) -> str:
    """Return the machine in full: what computed, the chip, its memory, its system and what fed it."""
    machine = found.machine
    device = line(machine.get("device"))
    memory_bytes = number(machine.get("memory_bytes"))
    cores = number(machine.get("gpu_cores" if device == "gpu" else "cores"))
    system = " ".join(filter(None, (line(machine.get("system")), line(machine.get("system_version")))))
    told = (
        line(machine.get("chip")) or line(machine.get("architecture")) or "chip not known",
        f"on its {device.upper()}" if device else "",
        f"{written(cores, 'count')} {'GPU ' if device == 'gpu' else ''}cores" if cores else "",
        written(memory_bytes, "bytes") if memory_bytes else "",
        system,
        _POWER.get(line(machine.get("power_source")), ""),
    )
    return ", ".join(filter(None, told))


def is_mac_gpu(found: Measurement) -> bool:
    """Whether it was measured on Apple's GPU, which these weights are for."""
    return found.machine.get("system") == "macOS" and found.machine.get("device") == "gpu"
