"""Weights, and what ledgers may hold of them: a whole one in order, and any that JSON allows."""

from typing import Any

from hypothesis import strategies as st

from mlxkit.core.anatomy import Part
from mlxkit.core.cards import Facts, Fit
from mlxkit.core.measurement import KINDS, Measurement, Subject
from mlxkit.core.schemes import Scheme
from tests.fakes.measurements import JSON, OBJECTS

OWN, ORIGINAL, SIBLING, RIVAL = ("a1" * 32, "0f" * 32, "b2" * 32, "c3" * 32)
COMMIT = "0123456789abcdef0123456789abcdef01234567"
TEXT, SELF_TEXT = "e5" * 32, "d4" * 32
MAC = {
    "system": "macOS", "system_version": "26.1", "architecture": "arm64", "chip": "Apple M4 Max",
    "memory_bytes": 68_719_476_736, "cores": 16, "gpu_cores": 40, "device": "gpu", "power_source": "ac",
}  # fmt: skip
LINUX = {
    "system": "Debian GNU/Linux", "system_version": "12", "architecture": "x86_64", "chip": "AMD EPYC 9354",
    "memory_bytes": 16_000_000_000, "cores": 2, "gpu_cores": None, "device": "cpu",
}  # fmt: skip
PARTS = (
    Part("model.embed_tokens.weight", "embedding", 100_000, 56_250, Scheme("affine", 4, 64), "BF16"),
    Part("model.layers.0.mlp.up_proj.weight", "mlp", 200_000, 87_500, Scheme("affine", 3, 64), "BF16"),
    Part("model.layers.0.self_attn.q_proj.weight", "attention", 50_000, 28_125, Scheme("affine", 4, 64), "BF16"),
    Part("model.norm.weight", "norm", 1_000, 2_000, None, "BF16"),
)


def facts(**changes: Any) -> Facts:
    """Facts of weights that a search made from a repo."""
    record = {
        "schema": "mlxkit-build/1",
        "command": "quantize",
        "digest": OWN,
        "options": {
            "budget": {"wish": "3.9 bits per weight", "size_bytes": 180_000},
            "encoder": "feedback",
            "calibration": {"origin": "self-generated, seed 0", "digest": "77" * 32, "tokens": 16_384},
            "held_out": {"origin": "self-generated, seed 1", "digest": "88" * 32, "tokens": 4_096},
        },
        "source": {"name": "acme/Small", "repo": "acme/Small", "commit": COMMIT, "license": "apache-2.0"},
        "dtype": "bfloat16",
        "skipped": {"model.layers.0.mlp.gate": "the model's class keeps it unquantized"},
        "versions": {"mlxkit": "0.2.0", "mlx": "0.32.4", "mlx-lm": "0.32.2"},
        "platform": {"system": "Darwin", "machine": "arm64", "device": "gpu"},
        "notes": ["rope_scaling was written as newer readers expect it."],
    }
    said: dict[str, Any] = {
        "repo": "me/Small-4bit",
        "digest": OWN,
        "record": record,
        "config": {"model_type": "qwen3"},
        "parts": PARTS,
        "source_card": {
            "license": "other",
            "license_name": "acme-license",
            "license_link": "LICENSE",
            "language": ["en", "de"],
            "pipeline_tag": "text-generation",
        },
        "fits": (
            Fit("iPhone 17 Pro", 4096, 900_000_000, 6_000_000_000, "fits", 32_768, 41.5, 0.2),
            Fit("a device of mine", 4096, 900_000_000, None, None),
        ),
        "export": "measurements.jsonl",
    }
    return Facts(**(said | changes))


def taken(kind: str, number: int, **changes: Any) -> Measurement:
    """One measurement of the weights."""
    said: dict[str, Any] = {
        "kind": kind,
        "subject": Subject(OWN, "~/models/Small-4bit"),
        "workload": {},
        "machine": MAC,
        "versions": {"mlxkit": "0.2.0", "mlx": "0.32.4"},
        "summary": {},
        "raw": {},
        "taken_at": 1_760_000_000 + 60 * number,
    }
    return Measurement(**(said | changes))


def judged(number: int, kl: float, **changes: Any) -> Measurement:
    """A text that was judged by the original."""
    workload = {
        "text": "news.jsonl",
        "digest": TEXT,
        "context": 512,
        "is_calibration_text": False,
        "reference": {"digest": ORIGINAL, "name": "acme/Small", "repo": "acme/Small", "commit": COMMIT},
    } | changes.pop("workload", {})
    summary = {
        "tokens": 16_352, "clusters": 32, "clustered_by": "document",
        "kl_nats": kl, "kl_nats_se": kl / 20, "kl_nats_median": kl / 4, "kl_nats_p99": 12 * kl, "kl_nats_p999": 40 * kl,
        "top1_agreement": 0.9421, "top1_agreement_se": 0.0031, "perplexity": 9.31, "perplexity_se": 0.42,
        "reference_perplexity": 9.12, "reference_perplexity_se": 0.41, "perplexity_ratio": 1.021,
        "perplexity_ratio_se": 0.0035, "bits_per_byte": 0.81, "bits_per_byte_se": 0.02,
        "noise_floor_kl_nats": 2.1e-7, "size_bytes": 173_875,
    } | changes.pop("summary", {})  # fmt: skip
    return taken("quality", number, workload=workload, summary=summary, **changes)


def timed(number: int, tps: float, **changes: Any) -> Measurement:
    """A timed work."""
    workload = {"prompt_tokens": 512, "generated_tokens": 128, "depth": 0, "batch": 1, "is_cold": False}
    summary = {
        "prompt_tps": 20 * tps, "prompt_tps_sd": 1.5, "generation_tps": tps, "generation_tps_sd": tps / 50,
        "ttft_seconds": 0.081, "peak_memory_bytes": 612_000_000, "share_of_ceiling": 0.871, "marks": [],
        "size_bytes": 173_875,
    } | changes.pop("summary", {})  # fmt: skip
    return taken("throughput", number, workload=workload | changes.pop("workload", {}), summary=summary, **changes)


def ledger() -> tuple[Measurement, ...]:
    """All that is known of the weights, of others beside them, and of some that have nothing to do with them."""
    written = {"text": "self", "digest": SELF_TEXT}
    asked = {"asked": 500, "share": 0.962, "interval_95": [0.941, 0.976], "lost": 9, "gained": 3, "p_value": 0.146}
    harness = {
        "task": "arc_easy",
        "metric": "acc_norm",
        "filter": "none",
        "value": 0.61,
        "stderr": 0.02,
        "samples": 570,
    }
    original = Subject(ORIGINAL, "acme/Small", "acme/Small", COMMIT)
    sibling = Subject(SIBLING, "~/private/place/Small-3bit")
    rival = Subject(RIVAL, "mlx-community/Small-4bit", "mlx-community/Small-4bit")
    cold = {"import_seconds": 1.2, "load_seconds": 0.31, "first_seconds": 0.09, "total_seconds": 1.6}
    noisy = {"marks": ["The load at the start was 4.1 on 2 cores: the machine was not idle."]}
    return (
        judged(1, 0.0461, workload=written),
        judged(2, 0.0999),  # a newer one of the same work is shown
        judged(3, 0.0329),
        judged(4, 0.0888, workload={"text": "half.txt", "digest": "66" * 32}, is_complete=False),
        judged(5, 0.2071, subject=sibling, summary={"size_bytes": 130_000}),
        judged(6, 0.0402, subject=rival, summary={"size_bytes": 180_000}),
        judged(7, 0.5555, subject=sibling, workload={"text": "other.txt", "digest": "55" * 32}),
        judged(8, 0.4444, subject=Subject("d9" * 32, "unrelated"), workload={"reference": {"digest": "99" * 32}}),
        taken("task", 9, workload={"task": "sums.jsonl", "digest": "44" * 32}, summary=asked),
        taken("task", 10, workload={"task": "arc_easy"}, summary={"figures": [harness]}),
        timed(11, 143.2),
        timed(12, 3.1, machine=LINUX, summary=noisy),
        timed(13, 71.4, subject=original),
        timed(14, 77.7, subject=original, workload={"prompt_tokens": 64}),
        taken(
            "throughput", 15, workload={"prompt_tokens": 512, "generated_tokens": 128, "is_cold": True}, summary=cold
        ),
        taken(
            "memory", 16, workload={"text": "news.jsonl", "context": 512}, summary={"peak_memory_bytes": 701_000_000}
        ),
    )


NUMBERS = st.one_of(
    st.sampled_from([0, -0.0, 1, 5e-324, 1.7e308, -3, 10**400, 1e-12, 0.5]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(),
)
ODD = NUMBERS | JSON
_NAMES = (
    "kl_nats", "kl_nats_se", "kl_nats_median", "kl_nats_p99", "kl_nats_p999", "top1_agreement", "top1_agreement_se",
    "noise_floor_kl_nats", "tokens", "perplexity", "perplexity_se", "reference_perplexity", "perplexity_ratio",
    "bits_per_byte", "size_bytes", "clustered_by", "prompt_tps", "prompt_tps_sd", "generation_tps", "generation_tps_sd",
    "ttft_seconds", "peak_memory_bytes", "share_of_ceiling", "import_seconds", "load_seconds", "first_seconds",
    "total_seconds", "marks", "asked", "share", "lost", "gained", "p_value",
)  # fmt: skip
_FIGURES = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("value", "stderr", "samples", "lost", "gained", "interval_95"), ODD)
    | {name: st.text(max_size=6) for name in ("task", "metric", "filter")},
)  # fmt: skip
_SUMMARIES = st.tuples(
    OBJECTS,
    st.fixed_dictionaries({}, optional=dict.fromkeys(_NAMES, ODD)),
    st.fixed_dictionaries(
        {},
        optional={
            "kl_nats": NUMBERS,
            "size_bytes": NUMBERS,
            "interval_95": st.lists(ODD, max_size=3),
            "figures": st.lists(_FIGURES | ODD, max_size=3) | ODD,
        },
    ),
).map(lambda parts: parts[0] | parts[1] | parts[2])
_WORKLOADS = st.tuples(
    OBJECTS,
    st.fixed_dictionaries(
        {},
        optional={
            "text": st.sampled_from(["self", "news.jsonl"]) | ODD,
            "digest": st.sampled_from([TEXT, SELF_TEXT]) | ODD,
            "reference": st.sampled_from([{"digest": ORIGINAL}, {"digest": SIBLING}, None]) | ODD,
            "is_cold": st.booleans() | ODD,
            "task": st.text(max_size=8) | ODD,
            **dict.fromkeys(("prompt_tokens", "generated_tokens", "depth", "batch", "context"), st.just(64) | ODD),
        },
    ),
).map(lambda parts: parts[0] | parts[1])
_SUBJECTS = st.builds(
    Subject,
    digest=st.sampled_from([OWN, OWN, OWN, ORIGINAL, SIBLING, RIVAL]),
    name=st.text(max_size=10),
    repo=st.none() | st.just("acme/Small") | st.text(max_size=10),
    commit=st.none() | st.just(COMMIT) | st.text(max_size=10),
)
LEDGERS = st.lists(
    st.builds(
        Measurement,
        kind=st.sampled_from(KINDS),
        subject=_SUBJECTS,
        workload=_WORKLOADS,
        machine=st.sampled_from([MAC, LINUX]) | OBJECTS,
        versions=st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2),
        summary=_SUMMARIES,
        raw=st.just({}),
        taken_at=st.integers(0, 253_402_300_799),
        is_complete=st.booleans() | st.just(True),
    ),
    max_size=8,
)
