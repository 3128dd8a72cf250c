"""Measurements as commands would make them, and any that JSON allows."""

from typing import Any

from hypothesis import strategies as st

from mlxkit.core.measurement import KINDS, Measurement, Subject

DIGEST = "5f" * 32


def measurement(number: int = 0, **changes: Any) -> Measurement:
    """One measurement of quality; each number gives another one."""
    said: dict[str, Any] = {
        "kind": "quality",
        "subject": Subject(DIGEST, "tiny"),
        "workload": {"text": "evaluation", "tokens": 4096, "seed": 1},
        "machine": {"system": "Linux", "memory_bytes": 8_000_000_000},
        "versions": {"mlx": "0.32.4", "mlxkit": "0.2.0"},
        "summary": {"kl_nats": 0.0329, "kl_nats_se": 0.0096, "size_bytes": 621_000, "number": number},
        "raw": {"kl_nats": [0.1, 0.2, 1e-300]},
        "taken_at": 1_700_000_000.25 + number,
    }
    return Measurement(**(said | changes))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(max_size=5), JSON, max_size=3)
MEASUREMENTS = st.builds(
    Measurement,
    kind=st.sampled_from(KINDS),
    subject=st.builds(
        Subject,
        digest=st.text("0123456789abcdef", min_size=64, max_size=64),
        name=st.text(max_size=10),
        repo=st.none() | st.text(max_size=10),
        commit=st.none() | st.text(max_size=10),
    ),
    workload=OBJECTS,
    machine=OBJECTS,
    versions=st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
    summary=OBJECTS,
    raw=OBJECTS,
    taken_at=st.floats(0, 253_402_300_799) | st.integers(0, 253_402_300_799),
    is_complete=st.booleans(),
)
