"""The lock of a build: what was pinned, what was made and measured, each step with the digest of its inputs.

It holds no place of this machine: it is what a release can be made again from, anywhere.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from mlxkit.core.errors import IntegrityError
from mlxkit.core.recipes import Publish

SCHEMA = "mlxkit-lock/1"
FILE_NAME = "lock.json"

_HINT = "delete it: what is there is found again, and pinned anew"


@dataclass(frozen=True, slots=True)
class PinnedTokenizer:
    """Another model's tokenizer, as it was when the first variant was made with it.

    Attributes:
        name: of that model, as the recipe calls it.
        commit: which state of the repo; None for a folder and ``tiny``.
        digest: of its files.
    """

    name: str
    commit: str | None
    digest: str

    @property
    def title(self) -> str:
        """The model's name, at its commit where there is one."""
        return f"{self.name}@{self.commit}" if self.commit else self.name


@dataclass(frozen=True, slots=True)
class Pinned:
    """The source as it was when the first variant was made of it.

    Attributes:
        name: as the recipe calls it.
        commit: which state of the repo; None for a folder and ``tiny``.
        license: the identifier of its card; None where it has none.
        digest: of its weights.
        beside: digest of its config, tokenizer and what else stands beside the weights.
        fingerprint: names, sizes and times of its files.
        tokenizer: where the source has none of its own; else None.
    """

    name: str
    commit: str | None
    license: str | None
    digest: str
    beside: str
    fingerprint: str
    tokenizer: PinnedTokenizer | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """A step that was done.

    Attributes:
        key: digest of its inputs.
        found: what came of it, as JSON.
    """

    key: str
    found: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of one variant.

    Attributes:
        steps: name to what was done: ``made``, ``judged``, ``timed``, ``dressed``, ``checked``, ``fitted``.
        gates: what came of each, as JSON.
        is_publishable: every step is done, and every gate holds.
    """

    steps: Mapping[str, Done] = field(default_factory=dict)
    gates: tuple[Mapping[str, Any], ...] = ()
    is_publishable: bool = False

    def known(self, step: str, key: str) -> Mapping[str, Any] | None:
        """Return what came of a step with these inputs; None where it was not done with them."""
        done = self.steps.get(step)
        return done.found if done is not None and done.key == key else None

    def having(self, step: str, key: str, found: Mapping[str, Any]) -> "Entry":
        """Return it with one more step."""
        return replace(self, steps={**self.steps, step: Done(key, found)})


@dataclass(frozen=True, slots=True)
class Lock:
    """All that a build has written down.

    Attributes:
        recipe: its name.
        source: what it was made of; None before it was found.
        versions: of mlxkit, mlx and mlx-lm.
        platform: operating system, machine and MLX device.
        variants: by their names.
        publish: where the recipe wants them to go: the fields of `core.recipes.Publish`; empty for nowhere.
    """

    recipe: str
    source: Pinned | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    platform: Mapping[str, str] = field(default_factory=dict)
    variants: Mapping[str, Entry] = field(default_factory=dict)
    publish: Mapping[str, Any] = field(default_factory=dict)

    def entry(self, variant: str) -> Entry:
        """Return what is known of a variant, which may be nothing."""
        return self.variants.get(variant, Entry())

    def having(self, variant: str, entry: Entry) -> "Lock":
        """Return it with other knowledge of a variant."""
        return replace(self, variants={**self.variants, variant: entry})

    def text(self) -> str:
        """Return what the file holds."""
        said = {
            "schema": SCHEMA,
            "recipe": self.recipe,
            "source": asdict(self.source) if self.source else None,
            "versions": dict(self.versions),
            "platform": dict(self.platform),
            "publish": dict(self.publish),
            "variants": {name: _data(entry) for name, entry in self.variants.items()},
        }
        return json.dumps(said, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _data(entry: Entry) -> dict[str, Any]:
    return {
        "is_publishable": entry.is_publishable,
        "gates": [dict(gate) for gate in entry.gates],
        "steps": {name: {"key": done.key, **done.found} for name, done in entry.steps.items()},
    }


def parse_lock(content: bytes, name: str) -> Lock:
    """Return what a lock says.

    Args:
        content: the file's.
        name: the file's, for messages.

    Raises:
        IntegrityError: it is no lock, or one of another mlxkit.
    """
    try:
        said = json.loads(content)
        if said["schema"] != SCHEMA:
            raise IntegrityError(f"{name!r} has the schema {said['schema']!r}, expected {SCHEMA!r}.", hint=_HINT)
        source = said["source"]
        pinned = None if source is None else _pinned(source)
        variants = {variant: _entry(entry) for variant, entry in said["variants"].items()}
        publish = {one.name: said["publish"][one.name] for one in fields(Publish) if one.name in said["publish"]}
        return Lock(said["recipe"], pinned, dict(said["versions"]), dict(said["platform"]), variants, publish)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = f"it has no {error}" if isinstance(error, KeyError) else "it says something else"
        raise IntegrityError(f"{name!r} is no lock of a build: {reason}.", hint=_HINT) from error


def _pinned(said: Mapping[str, Any]) -> Pinned:
    borrowed = said.get("tokenizer")  # not every lock speaks of it
    tokenizer = (
        PinnedTokenizer(**{one.name: borrowed[one.name] for one in fields(PinnedTokenizer)}) if borrowed else None
    )
    rest = {one.name: said[one.name] for one in fields(Pinned) if one.name != "tokenizer"}
    return Pinned(**rest, tokenizer=tokenizer)


def _entry(said: Mapping[str, Any]) -> Entry:
    steps = {
        name: Done(str(done["key"]), {what: value for what, value in done.items() if what != "key"})
        for name, done in said["steps"].items()
    }
    return Entry(steps, tuple(dict(gate) for gate in said["gates"]), said["is_publishable"] is True)
