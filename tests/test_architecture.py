"""The house rules, each as a test: floors, doors, laziness, small commands, plans and results, few patches."""

import ast
import importlib
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

from mlxkit.core.report import Result

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "mlxkit"
MODULES = sorted(PACKAGE.rglob("*.py"))
BELOW_CLI = [path for path in MODULES if path.is_relative_to(PACKAGE) and path.parts[len(PACKAGE.parts)] != "cli"]
COMMANDS = sorted(path for path in (PACKAGE / "cli/commands").glob("*.py") if path.name != "__init__.py")
USECASES = sorted(
    path
    for path in (PACKAGE / "usecases").iterdir()
    if not path.name.startswith("__")  # modules, and packages too
)

HEAVY = (
    "mlx",
    "mlx_lm",
    "transformers",
    "huggingface_hub",
    "numpy",
    "rich",
    "matplotlib",
    "jinja2",
    "yaml",
    "safetensors",
)

DOORS = {
    "huggingface_hub": ("engines/hub",),
    "httpx2": ("engines/hub",),
    "jinja2": ("engines/hub",),
    "safetensors": ("engines/store",),
    "yaml": ("engines/store",),
    "filelock": ("engines/store",),
    "platformdirs": ("engines/store", "engines/ledger"),
    "sqlite3": ("engines/ledger",),
    "lm_eval": ("engines/harness.py",),
    "mlx_lm": ("engines/models",),
    "transformers": ("engines/models",),
    "mlx": ("engines/models", "engines/machine"),
    "psutil": ("engines/machine",),
    "click": ("cli",),
    "prompt_toolkit": ("cli",),
    "rich": ("render", "cli"),
    "matplotlib": ("render/picture.py",),
}
"""Which part of the package imports which dependency; nothing else may."""

LATE = {
    "cli/commands/run.py": {"mlxkit.cli.answers", "mlxkit.cli.chat"},  # both stand on the use-case
    "cli/app.py": {"mlxkit.render.envelope"},
    "cli/pictures.py": {"mlxkit.render.picture"},
    "cli/pages.py": {"mlxkit.render.page"},
    # What a command hands to publishing stands on three other use-cases and on matplotlib.
    "cli/releasing.py": {
        "mlxkit.render.picture",
        "mlxkit.usecases.card",
        "mlxkit.usecases.check",
        "mlxkit.usecases.fit",
        "mlxkit.usecases.publish",
    },
    # A command that is given a folder needs nothing of the Hub's library, which costs as much as all else.
    "cli/obtaining.py": {"mlxkit.engines.store", "mlxkit.usecases.fetch"},
    # An extra that most do not install; where it is, importing it takes seconds.
    "engines/harness.py": {"lm_eval", "lm_eval.api.model", "lm_eval.tasks", "lm_eval.utils"},
    "cli/output.py": {
        "mlxkit.cli.bars",
        "mlxkit.render.commas",
        "mlxkit.render.envelope",
        "mlxkit.render.markdown",
        "mlxkit.render.text",
    },
}
"""Imports inside functions, besides a command's import of its use-case: each costs more than `--help` may."""

COMMAND_LINES = 30
PATCHES = 10


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imported(node: ast.AST) -> Iterator[str]:
    """Every module that the imports below a node name."""
    for found in ast.walk(node):
        if isinstance(found, ast.Import):
            yield from (alias.name for alias in found.names)
        elif isinstance(found, ast.ImportFrom):
            yield from (_module(found.module or ".", alias.name) for alias in found.names)


def _module(package: str, name: str) -> str:
    """What `from package import name` loads: the module of that name, if there is one of ours, else the package."""
    inner = ROOT / package.replace(".", "/") / name
    return f"{package}.{name}" if inner.with_suffix(".py").is_file() or (inner / "__init__.py").is_file() else package


def late_imports(path: Path) -> set[str]:
    """What is imported inside functions."""
    functions = [node for node in ast.walk(tree_of(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {module for function in functions for module in imported(function)}


def calls(node: ast.AST, name: str) -> bool:
    return any(
        isinstance(found, ast.Call) and isinstance(found.func, ast.Name) and found.func.id == name
        for found in ast.walk(node)
    )


def is_command(function: ast.FunctionDef) -> bool:
    """Whether it is decorated by `click.command`, or by the same of a group."""
    return any(ast.unparse(one).partition("(")[0].endswith(".command") for one in function.decorator_list)


def test_imports_only_go_down(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)

    status = lint_imports(no_cache=True, no_logo=True)

    assert status == EXIT_STATUS_SUCCESS, capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [["--help"], ["--version"], ["inspect", "--help"], ["run", "--help"], ["fetch", "--help"], ["ledger", "--help"]],
    ids=" ".join,
)
def test_help_loads_nothing_heavy(words: list[str]) -> None:
    script = (
        "import json, sys\n"
        "from mlxkit.cli import cli\n"
        f"cli.main({words!r}, standalone_mode=False)\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})), file=sys.stderr)"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout
    assert not set(HEAVY) & set(json.loads(done.stderr.splitlines()[-1]))


def test_inspect_loads_no_model_library() -> None:
    script = (
        "import json, sys\n"
        "import mlxkit.usecases.inspect\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert not {"mlx", "mlx_lm", "transformers", "huggingface_hub", "rich"} & set(json.loads(done.stdout))


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(tree_of(path))


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_dependency_has_one_door(path: Path) -> None:
    roots = {module.partition(".")[0] for module in imported(tree_of(path))}
    foreign = {root for root in roots & DOORS.keys() if not name_of(path).startswith(DOORS[root])}

    assert not foreign


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_laziness_has_one_place(path: Path) -> None:
    late = late_imports(path)
    if path in COMMANDS:
        late = {module for module in late if not module.startswith("mlxkit.usecases.")}

    assert late == LATE.get(name_of(path), set())


@pytest.mark.parametrize("path", BELOW_CLI, ids=name_of)
def test_nobody_prints_below_the_cli(path: Path) -> None:
    assert not calls(tree_of(path), "print")


@pytest.mark.parametrize("path", COMMANDS, ids=name_of)
def test_a_command_is_a_sentence(path: Path) -> None:
    commands = [node for node in tree_of(path).body if isinstance(node, ast.FunctionDef) and is_command(node)]

    assert commands
    for command in commands:
        first = command.body[1]
        assert (command.end_lineno or 0) - first.lineno < COMMAND_LINES
        assert not any(isinstance(node, ast.Try | ast.TryStar) for node in ast.walk(command))
        assert not calls(command, "print")


@pytest.mark.parametrize("path", USECASES, ids=name_of)
def test_a_verb_turns_a_plan_into_a_result(path: Path) -> None:
    module = importlib.import_module(f"mlxkit.usecases.{path.stem}")
    prefix = path.stem.title().replace("_", "")
    plan, result = getattr(module, f"{prefix}Plan"), getattr(module, f"{prefix}Result")

    assert plan.__dataclass_params__.frozen
    assert result.__dataclass_params__.frozen
    assert result.command == path.stem
    assert all(hasattr(result, member) for member in vars(Result) if not member.startswith("_"))


def test_patching_is_rare() -> None:
    words = ("monkeypatch." + "setattr", "monkeypatch." + "setitem", "mock." + "patch", "mocker." + "patch")
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py")]

    assert sum(text.count(word) for text in texts for word in words) < PATCHES


def test_the_wheel_takes_the_whole_package_and_ignores_nothing_of_tiny() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").split()  # hatchling leaves out what git ignores

    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel == {"packages": ["mlxkit"], "force-include": {"recipes": "mlxkit/data/recipes"}}
    for path in (PACKAGE / "data").rglob("*"):
        parts = path.relative_to(ROOT).parts
        assert not [rule for rule in ignored for part in parts if fnmatch(part, rule.strip("/"))]


@pytest.mark.slow
def test_a_wheel_that_was_built_holds_tiny(tmp_path: Path) -> None:
    from zipfile import ZipFile

    pytest.importorskip("pip")  # a venv that uv made has none

    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", tmp_path, ROOT], check=True
    )

    (wheel,) = tmp_path.glob("*.whl")
    held = set(ZipFile(wheel).namelist())
    tiny = {path.relative_to(ROOT).as_posix() for path in (PACKAGE / "data/tiny").iterdir()}
    assert "mlxkit/data/tiny/config.json" in held
    assert tiny <= held
