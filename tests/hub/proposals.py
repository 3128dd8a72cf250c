"""A repo's discussions and pull requests, and what happened in each."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

Status = Literal["draft", "open", "closed", "merged"]

_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Discussion:
    """A discussion; a pull request if it has a ref."""

    number: int
    title: str
    author: str
    ref: str | None = None
    base: str | None = None
    """The commit from which a pull request starts."""
    status: Status = "open"
    merged: str | None = None
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def created(self) -> str:
        """The date as the Hub writes it."""
        return _date(self.number, 0)

    def add(self, kind: str, author: str, data: dict[str, Any]) -> dict[str, Any]:
        """Note what happened, and return it as the Hub tells it."""
        event = {
            "id": f"{self.number:08x}{len(self.events):016x}",
            "type": kind,
            "createdAt": _date(self.number, len(self.events)),
            "author": {"name": author, "type": "user"},
            "data": data,
        }
        self.events.append(event)
        return event

    def comment(self, author: str, text: str) -> dict[str, Any]:
        """Add a comment."""
        latest = {"raw": text, "html": text, "updatedAt": self.created, "author": {"name": author}}
        return self.add("comment", author, {"edited": False, "hidden": False, "latest": latest})

    def turn(self, author: str, status: Status) -> dict[str, Any]:
        """Change the status."""
        self.status = status
        return self.add("status-change", author, {"status": status})

    def rename(self, author: str, title: str) -> dict[str, Any]:
        """Change the title."""
        before, self.title = self.title, title
        return self.add("title-change", author, {"from": before, "to": title})


def _date(days: int, minutes: int) -> str:
    return (_EPOCH + timedelta(days=days, minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
