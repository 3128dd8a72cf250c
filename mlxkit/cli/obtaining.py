"""How a command comes by the MODEL it was given: by the fetch use-case, unless it is on this disk already.

Use-cases do not import each other: each that takes a model is handed what leads there, as `locate`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from mlxkit.cli.asking import confirmation, say_notes
from mlxkit.cli.output import progress
from mlxkit.core.fetching import TOKENIZER
from mlxkit.core.located import Locate, Located, Terms


def obtain(terms: Terms, *, quiet: bool) -> Locate:
    """Return what leads from a name to a whole checkpoint, and fetches what is missing.

    Args:
        terms: at which revision, and with which requests.
        quiet: no progress and no notes.
    """

    def locate(name: str) -> Located:
        there = _here(name, terms)
        if there is not None:
            return there
        from mlxkit.usecases.fetch import FetchPlan, fetch  # noqa: PLC0415  a folder needs no library of the Hub

        result = fetch(FetchPlan(name, terms), progress=progress(quiet=quiet), confirm=confirmation())
        say_notes(result.notes, quiet=quiet)
        return result.located

    return locate


def obtain_tokenizer(terms: Terms, *, quiet: bool) -> Locate:
    """Return what leads from a name to a folder that has the model's tokenizer; its weights are not fetched.

    Args:
        terms: at which revision, and with which requests.
        quiet: no progress and no notes.
    """

    def locate(name: str) -> Located:
        there = _here(name, terms)
        if there is not None:
            return there
        from mlxkit.usecases.fetch import FetchPlan, fetch, held  # noqa: PLC0415  a folder needs no library of the Hub

        plan = FetchPlan(name, terms, include=TOKENIZER, exclude=("*/*",))
        whole = held(plan)
        if whole is not None:
            return whole
        result = fetch(plan, progress=progress(quiet=quiet))
        say_notes(result.notes, quiet=quiet)
        return result.located

    return locate


@contextmanager
def outline(terms: Terms, *, quiet: bool, include: tuple[str, ...] = ()) -> Iterator[Locate]:
    """Yield what leads from a name to what can be looked at; a model that is not here is not fetched for that.

    Args:
        terms: at which revision, and with which requests.
        quiet: no notes.
        include: of a model that is not here, look only at the files that match one of these patterns.
    """
    with TemporaryDirectory(prefix="mlxkit-") as folder:

        def locate(name: str) -> Located:
            there = _here(name, terms)
            if there is not None:
                return there
            from mlxkit.usecases.fetch import FetchPlan  # noqa: PLC0415  a folder needs no library of the Hub
            from mlxkit.usecases.fetch import outline as look  # noqa: PLC0415

            located, notes = look(FetchPlan(name, terms, include=include), Path(folder))
            say_notes(notes, quiet=quiet)
            return located

        yield locate


def _here(name: str, terms: Terms) -> Located | None:
    """Return where a folder or ``tiny`` is; None for what the Hub is asked for."""
    from mlxkit.engines import store  # noqa: PLC0415  the command stands on more than that

    return store.local(name) if store.is_local(name) and terms.revision is None else None
