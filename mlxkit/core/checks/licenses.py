"""Licenses by their identifiers on the Hub: what they allow whoever passes on weights that were changed.

This is a reader's table, not a lawyer's: it tells which license to read before publishing, and what is surely missing.
"""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, Literal, TypeAlias

from mlxkit.core.checks.origins import Origin
from mlxkit.core.codes import found
from mlxkit.core.findings import Finding
from mlxkit.core.wording import few

Terms: TypeAlias = Literal["permissive", "conditional", "noncommercial", "forbidden", "unknown"]
"""What an identifier tells: few conditions, conditions of its own, no commerce, nothing changed to be passed on."""

_CARD = "README.md: license"
_TEXTS = ("LICENSE*", "LICENCE*", "COPYING*")
_NOTICES = ("NOTICE*", "USE_POLICY*")

_IDENTIFIERS: Mapping[Terms, tuple[str, ...]] = {
    "permissive": (
        "apache-2.0", "mit", "mit-0", "bsd", "bsd-2-clause", "bsd-3-clause", "bsd-3-clause-clear", "0bsd", "isc",
        "zlib", "ncsa", "unlicense", "wtfpl", "cc0-1.0", "pddl", "postgresql", "artistic-2.0", "afl-3.0", "ecl-2.0",
        "ms-pl", "bsl-1.0", "epl-1.0", "epl-2.0", "eupl-1.1", "eupl-1.2", "mpl-2.0", "osl-3.0", "gpl", "gpl-2.0",
        "gpl-3.0", "agpl-3.0", "lgpl", "lgpl-2.1", "lgpl-3.0", "lgpl-lr", "ofl-1.1", "lppl-1.3c", "cc", "cc-by-2.0",
        "cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "cdla-permissive-1.0",
        "cdla-permissive-2.0", "cdla-sharing-1.0", "odbl", "odc-by", "gfdl", "etalab-2.0", "open-mdw", "apple-ascl",
    ),
    "conditional": (
        "llama2", "llama3", "llama3.*", "llama4", "gemma", "openrail", "openrail++", "creativeml-openrail-m",
        "bigscience-openrail-m", "bigscience-bloom-rail-1.0", "bigcode-openrail-m", "c-uda", "other",
    ),
    "noncommercial": (
        "cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0",
        "apple-amlr", "fair-noncommercial-research-license", "intel-research", "deepfloyd-if-license", "h-research",
    ),
    "forbidden": (
        "cc-by-nd-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0",
    ),
}  # fmt: skip

_NAMES: tuple[tuple[str, Terms], ...] = (
    ("*non-commercial*", "noncommercial"),
    ("*noncommercial*", "noncommercial"),
    ("*research*", "noncommercial"),
)
"""What the name of a license without an identifier tells."""


def terms_of(identifier: str, name: str | None = None) -> Terms:
    """Return what a license allows, as far as its identifier tells.

    Args:
        identifier: as it stands under ``license`` on a card.
        name: as it stands under ``license_name``, which is where a card with ``other`` says more.

    >>> terms_of("apache-2.0"), terms_of("llama3.1"), terms_of("cc-by-nc-nd-4.0"), terms_of("mine")
    ('permissive', 'conditional', 'forbidden', 'unknown')
    """
    wanted = identifier.strip().lower()
    if wanted == "other" and name is not None:
        said = next((terms for pattern, terms in _NAMES if fnmatchcase(name.lower(), pattern)), None)
        if said is not None:
            return said
    for terms, identifiers in _IDENTIFIERS.items():
        if any(fnmatchcase(wanted, one) for one in identifiers):
            return terms
    return "unknown"


def look(
    card: Mapping[str, Any], recorded: str | None, files: frozenset[str], origin: Origin
) -> Iterator[Finding]:  # fmt: skip
    """Yield what is missing or contradictory about the license.

    Args:
        card: the front matter of the checkpoint's card.
        recorded: the original's license in the build record.
        files: what is in the folder.
        origin: where the checkpoint comes from.
    """
    own = identifier(card) or recorded
    source = origin.best
    theirs = (identifier(source.card) if source is not None else None) or recorded
    if own is None:
        yield found("license.missing", _CARD, f"The original's is {theirs}." if theirs else "The card names none.")
    elif theirs is not None and own.lower() != theirs.lower():
        yield found("license.differs", _CARD, f"It is {own}, and the original's is {theirs}.")
    if own is not None:
        yield from _allowed(own, card, files)
    if source is None:
        return
    for code, patterns, kind in (
        ("license.file_missing", _TEXTS, "license text"),
        ("license.notice_missing", _NOTICES, "notice"),
    ):
        there = _matching(source.files, patterns)
        if there and not _matching(files, patterns):
            yield found(code, few(there), f"{source.name} has a {kind}, and it was not copied.")
    if source.is_gated:
        yield found("license.gated", source.name, "Who fetches it has to agree to its terms.")


def _allowed(own: str, card: Mapping[str, Any], files: frozenset[str]) -> Iterator[Finding]:
    name = card.get("license_name")
    terms = terms_of(own, name if isinstance(name, str) else None)
    if terms == "forbidden":
        yield found("license.forbidden", _CARD, f"{own} lets nobody pass on what was changed, and these weights were.")
    elif terms == "noncommercial":
        yield found("license.noncommercial", _CARD, f"{own} does not allow commercial use.")
    elif terms == "unknown":
        yield found("license.unknown", _CARD, f"{own} is in no table.")
    elif terms == "conditional":
        missing = [key for key in ("license_name", "license_link") if not isinstance(card.get(key), str)]
        if not _matching(files, (*_TEXTS, *_NOTICES)):
            missing.append("the text itself, as LICENSE or NOTICE")
        if missing:
            yield found("license.conditions", _CARD, f"{own} asks for more; missing: {few(missing)}.")


def identifier(card: Mapping[str, Any]) -> str | None:
    """Return the license that a card names, or None."""
    value = card.get("license")
    value = value[0] if isinstance(value, list) and value else value
    return value if isinstance(value, str) and value.strip() else None


def _matching(files: frozenset[str], patterns: tuple[str, ...]) -> list[str]:
    return sorted(file for file in files if any(fnmatchcase(file, pattern) for pattern in patterns))
