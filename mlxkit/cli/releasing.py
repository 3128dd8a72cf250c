"""What publishing is handed of other use-cases, which do not know each other: the check, and the card."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from mlxkit.core.cards import Fit
from mlxkit.core.errors import MlxkitError, PlanError
from mlxkit.core.findings import Finding
from mlxkit.core.progress import Progress

DEVICES = ("iPhone 16 Pro", "iPhone 17 Pro", "M4 16GB", "M4 24GB", "M4 Pro 48GB", "M4 Max 64GB")
"""Devices that a card tells about."""


def checking(repo: str, told: Progress) -> Callable[[Path], Sequence[Finding]]:
    """Return what looks for what is wrong with a folder that is to be a repo.

    Args:
        repo: ``owner/name``.
        told: of progress.
    """

    def check(folder: Path) -> Sequence[Finding]:
        from mlxkit.usecases.check import CheckPlan, from_hub  # noqa: PLC0415
        from mlxkit.usecases.check import check as look  # noqa: PLC0415

        return look(CheckPlan(str(folder), published_as=repo), progress=told, source=from_hub()).findings

    return check


def dressing(told: Progress) -> Callable[[Path, str], Mapping[str, bytes]]:
    """Return what writes the files that go beside the weights of a folder.

    Args:
        told: of progress.
    """

    def dress(folder: Path, repo: str) -> Mapping[str, bytes]:
        from mlxkit.usecases.card import CardPlan, card  # noqa: PLC0415

        return card(CardPlan(folder, repo, fits(folder)), draw=draw, progress=told).files

    return dress


def draw(picture: Any, suffix: str) -> bytes:
    """Return a picture as a file's content; see `render.picture.draw`."""
    from mlxkit.render import picture as pictures  # noqa: PLC0415  it stands on matplotlib, and not every card has one

    return pictures.draw(picture, suffix)


def fits(folder: Path) -> tuple[Fit, ...]:
    """Return what is predicted of well-known devices; nothing where the model cannot be traced."""
    from mlxkit.usecases.fit import FitPlan, fit  # noqa: PLC0415

    try:
        rows = fit(FitPlan(str(folder), DEVICES)).rows
    except MlxkitError:  # what keeps it from being traced, the check tells
        return ()
    stored = [row for row in rows if row.scheme == rows[0].scheme]
    return tuple(
        Fit(
            row.device,
            row.context,
            row.need.total_bytes,
            row.limit_bytes,
            row.verdict,
            row.longest,
            row.decode_tps,
            row.decode_band,
        )
        for row in stored
    )


def of_build(folder: Path, owner: str | None, wishes: Mapping[str, Any]) -> Any:
    """Return the plan to publish a whole build.

    Raises:
        PlanError: something was asked for that makes sense for one repo only.
    """
    from mlxkit.usecases.publish import ReleasePlan  # noqa: PLC0415

    single = {"is_pr": "--pr", "revision": "--revision", "message": "--message"}
    wrong = [flag for name, flag in single.items() if wishes[name]]
    if wrong:
        raise PlanError(
            f"{wrong[0]} is for one repo, and {str(folder)!r} is a build.", hint="publish one variant's folder"
        )
    kept = {name: value for name, value in wishes.items() if name not in single}
    return ReleasePlan(folder, owner, **kept)


def say_card(card: str | None, form: str, *, quiet: bool) -> None:
    """Show a card that was written, where text is read."""
    if card is not None and form == "text" and not quiet:
        click.echo(card)
