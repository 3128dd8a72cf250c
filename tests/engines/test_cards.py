"""Cards as the Hub reads them: whole, parsed back to the ledger, and unbroken by what others write."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub.repocard import REGEX_YAML_BLOCK
from huggingface_hub.repocard_data import eval_results_to_model_index, model_index_to_eval_results
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from mlxkit.core.cards import FRONTIER, made
from mlxkit.core.cards.figures import line
from mlxkit.core.errors import IntegrityError
from mlxkit.core.measurement import Measurement, Subject
from mlxkit.engines.hub.cards import eval_results, figures_of, parsed, written
from tests.fakes.cards import LEDGERS, OWN, facts, judged, ledger, taken
from tests.hub import TestHub
from tests.hub.cards import problems

GOLDEN = Path(__file__).parents[1] / "golden/card/README.md"

KEYS = {
    "KL, nats per token": "kl_nats",
    "median": "kl_nats_median",
    "p99": "kl_nats_p99",
    "p99.9": "kl_nats_p999",
    "Same most likely token": "top1_agreement",
    "Noise floor, nats": "noise_floor_kl_nats",
    "Tokens": "tokens",
    "Perplexity": "perplexity",
    "Original's": "reference_perplexity",
    "Ratio": "perplexity_ratio",
    "Bits per byte": "bits_per_byte",
    "Size": "size_bytes",
    "Prefill, tok/s": "prompt_tps",
    "Decode, tok/s": "generation_tps",
    "Peak memory": "peak_memory_bytes",
    "Of measured bandwidth": "share_of_ceiling",
    "Import": "import_seconds",
    "Load": "load_seconds",
    "All": "total_seconds",
}
FIRST_TOKEN = {"From start to first token": "first_seconds"}
FOREIGN = ("Loss and size", "The original's speed")
UNMEASURED = ("Small-4bit", "Where it fits", "How it was made", "Schemes")
PROVENANCE = "Where the figures are from"
WORDS = ("Given", "Machine", "Weights")
UNITS = {
    "bytes": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "s": 1, "ms": 1e-3, "%": 1e-2, "": 1,
}  # fmt: skip
RESULTS = {"kl-divergence": "kl_nats", "top-1-agreement": "top1_agreement", "perplexity": "perplexity"}
READ = MarkdownIt("commonmark").enable("table")


def values(summary) -> list[float]:
    """All numbers anywhere in a summary."""
    if isinstance(summary, bool):
        return []
    if isinstance(summary, int | float):
        return [summary]
    inner = summary.values() if isinstance(summary, dict) else summary if isinstance(summary, list) else ()
    return [value for one in inner for value in values(one)]


def is_near(text: str, value: float) -> bool:
    """Whether a cell says that number: to three digits, or to those that its error leaves."""
    said = re.fullmatch(r"([-\d.,e+]+|inf|-inf)(?: ± ([-\d.,e+]+|inf))? ?(\w*|%)", text)
    assert said, text
    scale = UNITS[said[3]]
    shown, error = (float(part.replace(",", "")) * scale if part else 0.0 for part in (said[1], said[2]))
    try:
        return abs(shown - value) <= 0.006 * abs(value) + 0.51 * error + (0.51 if said[3] == "bytes" else 0) or (
            abs(value) > 1e305 and abs(shown) > 1e305
        )
    except OverflowError:
        return False


def card(measurements=(), **changes) -> str:
    return written(made(facts(**changes), measurements))


def shape(text: str) -> list[tuple[str, str, int]]:
    """The blocks of a card, as Markdown's readers see them."""
    return [(token.type, token.tag, token.nesting) for token in READ.parse(parsed(text).text)]


def inner(text: str) -> list[str]:
    return [child.type for token in READ.parse(parsed(text).text) for child in token.children or ()]


def test_a_card_is_what_it_was() -> None:
    assert card(ledger()) == GOLDEN.read_text(encoding="utf-8")


def test_every_number_of_a_whole_card_leads_back() -> None:
    check_traced(ledger())


@given(LEDGERS)
def test_every_number_leads_back_to_a_row_of_these_weights(measurements) -> None:
    check_traced(measurements)


def check_traced(measurements) -> None:
    by_id = {one.short_id: one for one in measurements} | {one.id: one for one in measurements}
    foreign = [one.short_id for one in measurements if one.subject.digest != OWN]

    for read in figures_of(card(measurements)):
        if read.section in UNMEASURED:
            assert read.measurement_id is None
            continue
        assert read.measurement_id is not None, read
        found: Measurement = by_id[read.measurement_id]
        if read.section in FOREIGN or read.section == PROVENANCE:
            assert read.section == PROVENANCE or found.kind in ("quality", "throughput")
        else:
            assert found.subject.digest == OWN
            assert read.measurement_id[:12] not in foreign
        if read.section not in (PROVENANCE, "model-index") and read.column not in WORDS:
            assert_traced(read, found)
        if read.section == "model-index":
            exact = values(found.summary)
            assert float(read.text) in exact
            if read.column in RESULTS and found.kind == "quality":
                assert found.summary[RESULTS[read.column]] == float(read.text)


def assert_traced(read, found: Measurement) -> None:
    key = KEYS.get(read.column)
    if read.column == "First token":
        key = FIRST_TOKEN.get(read.section, "ttft_seconds")
    if key is None:  # of a task, which has several rows
        assert read.text == "not measured" or any(is_near(read.text, value) for value in values(found.summary))
        return
    told = found.summary.get(key)
    if read.text == "not measured":
        assert isinstance(told, bool | str | list | dict | None) or abs(told) > 10**308
    else:
        assert is_near(read.text, told), (read, told)


@given(LEDGERS)
def test_other_weights_are_named_nowhere_else(measurements) -> None:
    text = card(measurements)
    foreign = {one.short_id for one in measurements if one.subject.digest != OWN}
    own = {one.short_id for one in measurements if one.subject.digest == OWN}
    section = ""

    for said in text.splitlines():
        section = said.lstrip("# ") if said.startswith("#") else section
        if section not in (*FOREIGN, PROVENANCE) and not said.endswith("bad conditions that it names."):
            assert not [one for one in foreign - own if one in said]


def test_a_card_of_nothing_measured() -> None:
    text = card()
    found = parsed(text)

    assert "model-index" not in found.data.to_dict()
    assert not [read for read in figures_of(text) if read.measurement_id]
    assert text.count("\nNot measured.\n") == 8
    assert "<img" not in text


def test_a_picture_stands_where_there_is_one() -> None:
    assert f'<img src="{FRONTIER}"' in card(ledger())


def test_the_front_matter_is_the_hubs() -> None:
    data = parsed(card(ledger())).data.to_dict()

    assert {key: data[key] for key in data if key != "model-index"} == {
        "base_model": "acme/Small",
        "base_model_relation": "quantized",
        "library_name": "mlx",
        "pipeline_tag": "text-generation",
        "license": "other",
        "license_name": "acme-license",
        "license_link": f"https://huggingface.co/acme/Small/blob/{facts().source_commit}/LICENSE",
        "language": ["en", "de"],
        "tags": ["mlx", "mlxkit", "quantized", "mixed-precision"],
    }
    assert problems(card(ledger())) == ([], [])


@settings(max_examples=50)
@given(LEDGERS)
def test_results_go_there_and_back(measurements) -> None:
    text = card(measurements)
    data = parsed(text).data
    index = data.to_dict().get("model-index")

    assert str(parsed(text)) == text
    assert problems(text) == ([], [])
    if index is not None:
        name, results = model_index_to_eval_results(index)
        assert (name, results) == (data["model_name"], data["eval_results"])
        assert eval_results_to_model_index(name, results) == index


def test_a_card_without_a_source_on_the_hub_names_no_base_model() -> None:
    record = {**facts().record, "source": {"name": "~/models/mine"}}
    data = parsed(card(record=record)).data.to_dict()

    assert not {"base_model", "base_model_relation"} & data.keys()


def test_no_result_is_one_of_a_benchmark_of_the_hub() -> None:
    assert eval_results(made(facts(), ledger())) == {}


def test_front_matter_that_is_none_is_told() -> None:
    with pytest.raises(IntegrityError, match="front matter"):
        parsed("---\na: [\n---\n")


def evil(name: str) -> str:
    """A card with that text wherever others write."""
    record = {
        **facts().record,
        "notes": [name],
        "source": {"name": name},
        "options": {"encoder": f"x{name}", "calibration": {"origin": f"x{name}", "tokens": 1}},
        "versions": {"mlx": f"x{name}"},
    }
    source_card = {"license": "other", "license_name": name}
    fits = (replace(facts().fits[0], device=name),)
    subject = Subject("b2" * 32, name, f"x{name}")
    measurements = (
        judged(1, 0.1, workload={"text": f"x{name}"}, machine={"chip": name, "system": name, "device": "cpu"}),
        judged(2, 0.2, workload={"text": f"x{name}"}, subject=subject, versions={"x": name}),
        taken("task", 3, workload={"task": name}, summary={"figures": [{"metric": f"x{name}", "value": 0.5}]}),
        taken("throughput", 4, summary={"marks": [f"x{name}"]}),
    )
    config = {"model_type": f"x{name}"}
    return card(measurements, record=record, source_card=source_card, fits=fits, config=config)


EVIL = (
    "a|b", "| --- |", "a\n---\nb", "---", "```\ncode", "`", "``x`|`", "<script>alert(1)</script>", "<!-- ", "]]>",
    "[a](javascript:alert(1))", "![x](y)", "# heading", "- item", "1. item", "> quote", "===", "***", "\\", "\\|",
    "&lt;", "{{ 7 * 7 }}", "{% raw %}", "key: value", "'\"", "\u2028x\u2029", "a\x00b\x1b[2J", "\ud800", "${x}",
    "~~x~~", "*x*", "<img src=x onerror=y>", "https://example.org", "|" * 50, "_x_", "\t\ttab", "%YAML",
    "!!python/object:os.system x",
)  # fmt: skip


@pytest.mark.parametrize("name", EVIL)
def test_what_others_write_breaks_nothing(name: str) -> None:
    check_unbroken(name)


@settings(max_examples=100)
@given(
    st.text(st.sampled_from("|`\\<>&[]()!#*_-+=~$\n\r\t{}%'\":;.1a \u2028") | st.characters(), min_size=1, max_size=20)
)
def test_whatever_others_write_breaks_nothing(name: str) -> None:
    check_unbroken(name)


def check_unbroken(name: str) -> None:
    text, expected = evil(name), evil("harmless")

    if line(name):
        assert shape(text) == shape(expected)
    assert not {"html_inline", "image", "link_open", "strong_open", "em_open"} & set(inner(text))
    assert problems(text) == ([], [])
    block = REGEX_YAML_BLOCK.search(text)
    assert block
    assert parsed(text).data["tags"] == ["mlx", "mlxkit", "quantized", "mixed-precision"]
    first, *_ = parsed(text).data["eval_results"]
    assert first.metric_value == 0.1
    assert len(figures_of(text)) == len(figures_of(expected)) or not line(name)


def test_the_hub_takes_a_card(server: TestHub, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(card(ledger()), encoding="utf-8")
    (tmp_path / "bad.md").write_text("---\nlicense: no-such-license\n---\n", encoding="utf-8")
    code = (
        "import sys\nfrom huggingface_hub import ModelCard\n"
        "ModelCard.load('README.md').validate()\n"
        "try:\n    ModelCard.load('bad.md').validate()\nexcept ValueError:\n    print('refused')\n"
    )
    kept = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}

    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**kept, "HF_ENDPOINT": server.endpoint},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, "refused\n"), done.stderr
