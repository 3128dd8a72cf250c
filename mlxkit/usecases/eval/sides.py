"""Who is judged and by whom: two checkpoints, what names their weights, and whether they can be compared."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlxkit.core.checkpoint import Checkpoint
from mlxkit.core.errors import CheckpointError, MlxkitError
from mlxkit.core.located import Locate
from mlxkit.core.measurement import Subject
from mlxkit.core.progress import Progress
from mlxkit.engines import models, store
from mlxkit.usecases.eval.plan import EvalPlan


@dataclass(frozen=True)
class Side:
    """A checkpoint, ready to be read.

    Attributes:
        checkpoint: sound.
        subject: what it is to the ledger.
        tokenizer: its own.
    """

    checkpoint: Checkpoint
    subject: Subject
    tokenizer: models.Tokenizer

    @property
    def record_text(self) -> Mapping[str, frozenset[str]]:
        """What the build record names of text: use to the digests of the documents, or of the rows."""
        options = self.checkpoint.record.get("options")
        named = {use: options.get(use) for use in ("calibration", "held_out")} if isinstance(options, dict) else {}
        return {use: _digests(said) for use, said in named.items() if isinstance(said, dict)}

    def opened(self, reader: models.Open, plan: EvalPlan, progress: Progress) -> models.Reader:
        """Return its model to read with.

        Raises:
            IntegrityError: a weight is NaN or infinite.
            MlxkitError: it cannot be opened.
        """
        found: models.Reader = reader(self.checkpoint, trust_remote_code=plan.trust_remote_code)
        models.demand_finite(found.model, progress)
        return found

    @property
    def is_as_recorded(self) -> bool:
        """Whether the build record, if there is one, tells of these weights."""
        recorded = self.checkpoint.record.get("digest")
        return recorded is None or recorded == self.subject.digest


def side(name: str, locate: Locate, plan: EvalPlan, progress: Progress) -> Side:
    """Return one side.

    Args:
        name: what `locate` knows.
        locate: leads to its folder.
        plan: whether its code may be run.
        progress: told the bytes read for its digest.

    Raises:
        MlxkitError: it is not there, not sound, or its tokenizer cannot be used.
    """
    located = locate(name)
    checkpoint = store.read(name, located.folder).sound()
    tokenizer = models.load_tokenizer(checkpoint, trust_remote_code=plan.trust_remote_code)
    return Side(checkpoint, store.subject(checkpoint, located, progress), tokenizer)


def original(
    model: Side, plan: EvalPlan, locate: Locate, present: Locate, progress: Progress
) -> tuple[Side | None, tuple[str, ...]]:
    """Return what to judge by, and what the user should know of the choice.

    Args:
        model: who is judged.
        plan: which names the original, or does not.
        locate: leads from a name to a folder, whatever that takes.
        present: the same for what is on this disk; nothing is fetched.
        progress: told the bytes read.

    Raises:
        MlxkitError: it cannot be read, or the two cannot be compared.
    """
    if plan.reference is not None:
        return _comparable(model, side(plan.reference, locate, plan, progress)), ()
    name = _source(model.checkpoint.record)
    if name is None:
        return None, ("It is not known what it was made from: --reference names the original to compare it with.",)
    try:
        found = side(name, present, plan, progress)
    except MlxkitError:
        return None, (f"{name}, which it was made from, is not on this disk: --reference names it or another folder.",)
    return _comparable(model, found), ()


def _comparable(model: Side, reference: Side) -> Side:
    if not model.tokenizer.is_like(reference.tokenizer, store.prompts()):
        raise CheckpointError(
            f"{model.subject.name!r} and {reference.subject.name!r} have different tokenizers: "
            "their answers cannot be compared.",
            hint="name its own original with --reference",
        )
    return reference


def _source(record: Mapping[str, Any]) -> str | None:
    """Return the name of what the build record says that the weights were made from."""
    source = record.get("source")
    if not isinstance(source, dict):
        return None
    repo, commit, name = (source.get(key) for key in ("repo", "commit", "name"))
    if isinstance(repo, str):
        return f"{repo}@{commit}" if isinstance(commit, str) else repo
    return name if isinstance(name, str) else None


def _digests(said: Mapping[str, Any]) -> frozenset[str]:
    documents = said.get("documents")
    named = documents if isinstance(documents, list) else []
    return frozenset(str(digest) for digest in (*named, said.get("digest")))
