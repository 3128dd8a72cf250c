"""Who a token stands for and what it may do, as the Hub tells it in `whoami-v2`."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Role = Literal["write", "read", "fineGrained"]
OrgRole = Literal["admin", "write", "contributor", "read"]

CREATING_ROLES: frozenset[OrgRole] = frozenset({"admin", "write", "contributor"})
WRITING_ROLES: frozenset[OrgRole] = frozenset({"admin", "write"})


@dataclass(frozen=True)
class Rights:
    """What a token may do beyond standing for its user.

    Attributes:
        role: `write` may do all that the user may, `read` nothing that changes anything, `fineGrained` what is listed.
        scoped: for a fine-grained token, the permissions (`repo.content.read`, `repo.write`, `discussion.write`,
            `collection.write`) by the name of a user, an organization or a repo.
        everywhere: permissions of a fine-grained token that hold for whatever its user can see.
        reads_gated: whether a fine-grained token opens the gated repos that its user may read.
        expired: whether its time is over; the Hub answers 401.
        label: the name that the user gave it.
    """

    role: Role = "write"
    scoped: Mapping[str, Collection[str]] = field(default_factory=dict)
    everywhere: Collection[str] = ()
    reads_gated: bool = True
    expired: bool = False
    label: str = "test"

    def allow(self, permission: str, *names: str) -> bool:
        """Whether the token carries a permission for one of these users, organizations or repos."""
        if self.role != "fineGrained":
            return self.role == "write" or permission.endswith(".read")
        return permission in self.everywhere or any(permission in self.scoped.get(name, ()) for name in names)


def identity(name: str) -> str:
    """Return the id that the Hub's database might have for a name."""
    return hashlib.sha1(name.encode()).hexdigest()[:24]


def whoami(user: str, rights: Rights, orgs: Mapping[str, Mapping[str, OrgRole]]) -> dict[str, Any]:
    """Return what `/api/whoami-v2` says."""
    token: dict[str, Any] = {
        "displayName": rights.label,
        "role": rights.role,
        "createdAt": "2026-01-01T00:00:00.000Z",
    }
    if rights.role == "fineGrained":
        scoped = [
            {"entity": _entity(name, orgs), "permissions": list(permissions)}
            for name, permissions in rights.scoped.items()
        ]
        everywhere = list(rights.everywhere)
        token["fineGrained"] = {"canReadGatedRepos": rights.reads_gated, "global": everywhere, "scoped": scoped}
    return {
        "type": "user",
        "id": identity(user),
        "name": user,
        "fullname": user,
        "email": f"{user}@example.org",
        "emailVerified": True,
        "canPay": False,
        "isPro": False,
        "orgs": [_org(org, members[user]) for org, members in orgs.items() if user in members],
        "auth": {"type": "access_token", "accessToken": token},
    }


def _entity(name: str, orgs: Mapping[str, Any]) -> dict[str, str]:
    kind = "model" if "/" in name else "org" if name in orgs else "user"
    return {"_id": identity(name), "type": kind, "name": name}


def _org(name: str, role: OrgRole) -> dict[str, Any]:
    known = {"type": "org", "id": identity(name), "name": name, "fullname": name}
    return {**known, "email": None, "canPay": False, "isEnterprise": False, "roleInOrg": role}
