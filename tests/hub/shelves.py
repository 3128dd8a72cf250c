"""Collections: lists of repos under a user's or an organization's name."""

import re
from dataclasses import dataclass, field
from typing import Any

from tests.hub.accounts import identity

_SHOWN_IN_LISTS = 4


@dataclass
class Item:
    """What stands in a collection."""

    id: str
    type: str
    note: str | None = None


@dataclass
class Collection:
    """A list of repos with a title."""

    owner: str
    title: str
    private: bool = False
    description: str | None = None
    items: list[Item] = field(default_factory=list)

    @property
    def slug(self) -> str:
        """Its name in URLs."""
        words = re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")
        return f"{self.owner}/{words}-{identity(f'{self.owner} {self.title}')}"

    def told(self) -> dict[str, Any]:
        """Return it as the Hub tells of one collection."""
        return {**self.listed(), "position": 0, "items": [self._item(place) for place in range(len(self.items))]}

    def listed(self) -> dict[str, Any]:
        """Return it as it stands in a list of collections, with its first items."""
        return {
            "slug": self.slug,
            "title": self.title,
            "description": self.description,
            "owner": {"_id": identity(self.owner), "name": self.owner},
            "lastUpdated": "2026-01-01T00:00:00.000Z",
            "theme": "blue",
            "private": self.private,
            "upvotes": 0,
            "items": [self._item(place) for place in range(min(len(self.items), _SHOWN_IN_LISTS))],
        }

    def _item(self, place: int) -> dict[str, Any]:
        item = self.items[place]
        told: dict[str, Any] = {"_id": identity(f"{self.slug} {item.id}"), "id": item.id, "type": item.type}
        return {**told, "position": place, **({"note": {"text": item.note, "html": item.note}} if item.note else {})}
