"""`mlxkit quantize` as it is typed: what it prints, and what it says to wishes that cannot be."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mlxkit.cli import cli
from mlxkit.render.text import render_text
from mlxkit.usecases.quantize import QuantizePlan, QuantizeResult, quantize
from tests.fakes.checkpoints import QWEN3, write_checkpoint

FRONTIER = ("--bits-per-weight", "3,4.5", "--calibration-tokens", "128", "--encoder", "lsq")


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, ["quantize", *words], prog_name="mlxkit")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("cli") / "source", {**QWEN3, "num_hidden_layers": 1})


@pytest.fixture(scope="module")
def explained(source: Path) -> QuantizeResult:
    plan = QuantizePlan(
        str(source),
        source.parent / "explained",
        bits_per_weight=(3.0, 4.5),
        calibration_tokens=128,
        encoder="lsq",
        explain=True,
    )
    return quantize(plan)


def text(result: QuantizeResult, width: int | None) -> str:
    return render_text(result.report(), width=width, color=False)


def test_a_frontier_in_json_is_one_envelope(source, tmp_path):
    done = run(str(source), str(tmp_path / "out"), *FRONTIER, "--json")
    envelope = json.loads(done.stdout)
    assert done.exit_code == 0
    assert done.stderr == ""
    assert (envelope["schema"], envelope["command"], envelope["status"]) == ("mlxkit/1", "quantize", "ok")
    data = envelope["data"]
    assert data["goal"] == "3, 4.5 bits per weight"
    assert data["encoder"] == "lsq"
    assert [Path(point["destination"]).name for point in data["points"]] == ["3bpw", "4.5bpw"]
    for point, budget in zip(data["points"], (3, 4.5), strict=True):
        assert point["bits_per_weight"] <= budget
        assert point["quality"]["measured"]["kl_nats"] > 0
        assert point["quality"]["predicted_kl_nats"] > 0
        assert sum(sum(counts.values()) for counts in point["histogram"].values()) == 8
        assert (Path(point["destination"]) / "config.json").exists()
    assert data["rank_correlation"] == 1
    assert data["calibration"]["tokens"] == 128
    assert data["held_out"]["digest"] != data["calibration"]["digest"]


def test_an_explanation_shows_what_each_kind_got_and_what_is_most_sensitive(explained):
    shown = text(explained, None)
    for title in ("Frontier", "Schemes in 3bpw", "Schemes in 4.5bpw", "Most sensitive layers for their size"):
        assert f"\n{title}\n" in shown
    assert "1×" in shown
    assert "self_attn.v_proj" in shown
    assert "Measured on" in shown
    assert "nan" not in shown.lower().replace("nats", "")


def test_what_was_not_explained_is_brief(source, tmp_path):
    done = run(str(source), str(tmp_path / "out"), "--scheme", "4bit", "--quiet")
    assert "Schemes by kind" not in done.stdout
    assert "Most sensitive" not in done.stdout
    explained = run(str(source), str(tmp_path / "other"), "--scheme", "4bit", "--explain")
    assert "mlp.down_proj        1×4bit-g64" in explained.stdout


def test_several_schemes_are_a_table_of_sizes(source, tmp_path):
    words = ("--scheme", "8bit", "--scheme", "4bit-g32", "--scheme", "8bit", "--quiet")
    done = run(str(source), str(tmp_path / "out"), *words)
    assert done.exit_code == 0, done.output
    rows = [line.split()[:2] for line in done.stdout.splitlines() if line.startswith(("4bit", "8bit"))]
    assert rows == [["8bit-g64", "8.52"], ["4bit-g32", "5.03"]]
    assert "KL" not in done.stdout
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["4bit-g32", "8bit-g64"]


@pytest.mark.parametrize("width", [80, 120])
def test_a_frontier_fits_a_terminal(explained, width):
    lines = text(explained, width).splitlines()
    assert max(map(len, lines)) <= width
    heading = next(line for line in lines if line.startswith("Folder"))
    assert heading.split() == [
        "Folder",
        "Bits",
        "per",
        "weight",
        "Size",
        "KL,",
        "nats",
        "±",
        "se",
        "Predicted",
        "Uniform",
    ]
    rows = [line.split() for line in lines if line.startswith(("3bpw ", "4.5bpw "))]
    assert [len(row) for row in rows] == [8, 8]  # a size is a number and a unit


def test_many_layers_of_a_kind_are_one_row(tmp_path):
    deep = write_checkpoint(tmp_path / "source", {**QWEN3, "num_hidden_layers": 14})
    done = run(
        str(deep), str(tmp_path / "out"), "--scheme", "4bit", "--rule", "*.v_proj=6bit", "--rule", "*.o_proj=none"
    )
    assert "self_attn.v_proj, 14 layers" in done.stdout
    assert "self_attn.o_proj, 14 layers" in done.stdout
    assert "layers.3." not in done.stdout


# Wishes that cannot be: words, what is said, and what is advised.
REFUSED = {
    "nothing": ("", "Nothing says how small", "--bits-per-weight 4.5"),
    "two goals": ("--scheme 4bit --bits-per-weight 4", "More than one option says how small", "give one of"),
    "three goals": ("--mix mixed_3_4 --max-size 1GB --scheme 4bit", "More than one option", "give one of"),
    "a word": ("--bits-per-weight four", "'four' is not a number", "--help"),
    "an empty number": ("--bits-per-weight=", "'' is not a number", "--help"),
    "a trailing comma": ("--bits-per-weight 3,", "'3,' is not a number", "--help"),
    "too few": ("--bits-per-weight 4,0.5", "lie between 1 and 32", "--help"),
    "too many": ("--bits-per-weight 33", "lie between 1 and 32", "--help"),
    "not a number": ("--bits-per-weight nan", "lie between 1 and 32", "--help"),
    "no size": ("--max-size 2.5XB", "'2.5XB' is not a size", "--help"),
    "no bytes": ("--max-size 0", "more than nothing", "--help"),
    "unknown scheme": ("--scheme 7bit", "'7bit' is not one of", "--help"),
    "unknown mix": ("--mix mixed_1_2", "'mixed_1_2' is not one of", "--help"),
    "unknown encoder": ("--scheme 4bit --encoder best", "'best' is not one of", "--help"),
    "unknown method": ("--scheme 4bit --method magic", "'magic' is not one of", "--help"),
    "unknown polish": ("--scheme 4bit --polish wax", "'wax' is not", "--help"),
    "no rule": ("--scheme 4bit --rule v_proj", "'v_proj' is no rule", "write it like"),
    "a rule without a scheme": ("--scheme 4bit --rule *.v_proj=7bit", "'7bit', which is no scheme", "6bit-g64"),
    "a rule for nothing": ("--scheme 4bit --rule *.v_prj=8bit", "matches no layer", "layers are: model.embed_tokens"),
    "only none": ("--bits-per-weight 4 --rule *=none", "nothing in", "mlxkit convert"),
    "plain rounding": ("--bits-per-weight 4 --encoder minmax", "has no part in a budget", "leave --encoder out"),
    "a method and a budget": ("--bits-per-weight 4 --method awq", "it takes one --scheme", "--method awq"),
    "a method and an encoder": ("--scheme 4bit --method gptq --encoder lsq", "and no rule, encoder", "--method gptq"),
    "a method and rules": ("--scheme 4bit --method gptq --rule lm_head=none", "and no rule", "--method gptq"),
    "little text": ("--bits-per-weight 4 --calibration-tokens 3", "3 is not in the range", "--help"),
    "the source itself": ("--bits-per-weight 16", "leaves nothing to quantize", "mlxkit convert"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_wish_that_cannot_be_is_refused_in_one_sentence(source, tmp_path, case):
    words, said, advised = REFUSED[case]
    done = run(str(source), str(tmp_path / "out"), *words.split())
    assert done.exit_code == 2, done.output
    assert done.stdout == ""
    error, hint = done.stderr.strip().split("\n")
    assert error.startswith("Error: ")
    assert error.endswith(".")
    assert said in error
    assert hint.startswith("Hint: ")
    assert advised in hint
    assert list(tmp_path.iterdir()) == []


def test_a_text_that_is_not_there_is_told(source, tmp_path):
    done = run(str(source), str(tmp_path / "out"), "--bits-per-weight", "4", "--calibration", "nowhere.txt")
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: The text 'nowhere.txt' cannot be read: No such file or directory.\n")


def test_a_budget_that_cannot_be_met_is_a_matter_of_size(source, tmp_path):
    done = run(str(source), str(tmp_path / "out"), "--max-size", "20kB", "--json")
    envelope = json.loads(done.stdout)
    assert done.exit_code == 4
    assert envelope["error"]["code"] == "does_not_fit"
    assert "20.0 kB cannot be met" in envelope["error"]["message"]
    assert "--max-size" in envelope["error"]["hint"]


def test_a_refusal_of_mlx_lms_method_is_told(source, tmp_path):
    done = run(str(source), str(tmp_path / "out"), "--scheme", "3bit", "--method", "gptq")
    assert done.exit_code == 1
    assert "2, 4 or 8 bits" in done.stderr
    assert "Hint: leave --method out" in done.stderr


def test_help_begins_with_what_the_command_is_about():
    shown = run("--help").stdout
    assert "mlxkit quantize tiny tiny-frontier --bits-per-weight 3,4,5" in shown
    names = [line.split()[0] for line in shown.split("Options:")[1].splitlines() if line.startswith("  --")]
    assert names[:5] == ["--bits-per-weight", "--max-size", "--device", "--context", "--scheme"]
