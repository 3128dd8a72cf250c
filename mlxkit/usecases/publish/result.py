"""What was published, or would be."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeAlias

from mlxkit.core.errors import GateError, MlxkitError
from mlxkit.core.findings import Finding
from mlxkit.core.publishing import LocalFile
from mlxkit.core.report import Column, Fact, Note, Report, Table
from mlxkit.engines.hub.sending import Sent
from mlxkit.usecases.publish.files import CARD, Gathered
from mlxkit.usecases.publish.plan import PublishPlan

Stage: TypeAlias = Literal["refused", "planned", "published"]
"""How far it came: the check found errors, it was told what would be done, or it was done and looked at."""


@dataclass(frozen=True)
class PublishResult:
    """What was published, or would be.

    Attributes:
        plan: what was asked for.
        findings: of the check.
        stage: how far it came.
        user: who is signed in.
        is_new: there was no such repo.
        is_private: nobody else sees it, as it was found.
        what: the files; None where the check refused them.
        to_send: those that the repo did not hold.
        stale: weights in the repo that are removed.
        address: of the Hub.
        sent: the commit; None where nothing was published.
        collection: its slug.
        notes: what the user should know.
    """

    command: ClassVar[str] = "publish"
    plan: PublishPlan
    findings: tuple[Finding, ...]
    stage: Stage = "refused"
    user: str = ""
    is_new: bool = True
    is_private: bool = True
    what: Gathered | None = None
    to_send: tuple[LocalFile, ...] = ()
    stale: tuple[str, ...] = ()
    address: str = ""
    sent: Sent | None = None
    collection: str | None = None
    notes: tuple[str, ...] = ()

    def demand_sent(self) -> Sent:
        """Return the commit of what was published."""
        if self.sent is None:
            raise AssertionError("nothing was published")
        return self.sent

    @property
    def failure(self) -> MlxkitError | None:
        """That the check found errors."""
        errors = [one for one in self.findings if one.severity == "error"]
        if not errors:
            return None
        count = "one error" if len(errors) == 1 else f"{len(errors)} errors"
        return GateError(
            f"{str(self.plan.folder)!r} was not published: the check found {count}.",
            hint=f"mlxkit check {self.plan.folder}",
        )

    @property
    def card(self) -> str | None:
        """The card's text, where it was written for this; None for the folder's own."""
        if self.what is None or self.what.is_card_own:
            return None
        content = self.what.contents.get(CARD)
        return content.decode() if isinstance(content, bytes) else None

    def data(self) -> dict[str, Any]:
        """Return the result as JSON."""
        files = self.what.files if self.what else ()
        sent = self.sent
        return {
            "folder": str(self.plan.folder),
            "repo": self.plan.repo,
            "stage": self.stage,
            "is_dry_run": self.plan.dry_run,
            "user": self.user,
            "is_new": self.is_new,
            "is_private": self._is_private,
            "files": [
                {"path": one.path, "size_bytes": one.size_bytes, "sha256": one.sha256, "is_sent": one in self.to_send}
                for one in files
            ],
            "removed": list(self.stale),
            "commit": sent.commit if sent else None,
            "url": sent.url if sent else None,
            "pr_url": sent.pr_url if sent else None,
            "collection": self.collection,
            "card": self.card,
            "findings": [one.data() for one in self.findings],
            "notes": list(self.notes),
        }

    @property
    def _is_private(self) -> bool:
        return self.is_private and not self.plan.is_public

    def report(self) -> Report:
        """Return what a reader sees."""
        notes = tuple(Note(text) for text in self.notes)
        found = tuple((one.severity, one.code, one.where, one.said) for one in self.findings if one.severity != "note")
        columns = (Column("Severity"), Column("Code"), Column("Where"), Column("Found"))
        tables = (Table("The check found", columns, found),) if found else ()
        if self.stage == "refused":
            return Report(f"{self.plan.folder} was not published", (), tables, notes)
        title = f"{self.plan.repo}: what would be done" if self.sent is None else f"{self.plan.repo} is published"
        return Report(title, tuple(self._facts()), (*self._files(), *tables), notes)

    def _facts(self) -> list[Fact]:
        facts = [
            Fact("Signed in as", self.user),
            Fact("Repo", f"{self.address}/{self.plan.repo}"),
            Fact("  is new", self.is_new, "flag"),
            Fact("  private", self._is_private, "flag"),
        ]
        if self.plan.revision:
            facts.append(Fact("Branch", self.plan.revision))
        facts.append(Fact("Sent" if self.sent else "To send", sum(one.size_bytes for one in self.to_send), "bytes"))
        if self.sent is not None:
            facts += [
                Fact("Compared", "every digest is the folder's"),
                Fact("Commit", self.sent.commit),
                Fact("See", self.sent.pr_url or self.sent.url),
            ]
        if self.collection:
            facts.append(Fact("Collection", f"{self.address}/collections/{self.collection}"))
        return facts

    def _files(self) -> tuple[Table, ...]:
        files = self.what.files if self.what else ()
        columns = (Column("File"), Column("Size", "bytes"), Column("What"))
        rows = [(one.path, one.size_bytes, self._deed(one)) for one in files]
        rows += [(path, 0, "removed") for path in self.stale]
        return (Table("Files", columns, tuple(rows)),) if not self.sent else ()

    def _deed(self, file: LocalFile) -> str:
        if file not in self.to_send:
            return "is there"
        is_written = file.path == CARD and self.what is not None and not self.what.is_card_own
        return "sent, written from the ledger" if is_written else "sent"
