"""The test Hub as its tests see it: repos, tokens, faults, and what was asked and sent."""

import hashlib
import secrets
import time
from collections import Counter
from collections.abc import Collection as Some
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from tests.hub.accounts import OrgRole, Rights, Role
from tests.hub.faults import Faults, matches
from tests.hub.objects import Uploads
from tests.hub.repos import Blob, File, Repo
from tests.hub.shelves import Collection


class Seen(NamedTuple):
    """A request as it arrived."""

    method: str
    path: str
    """Decoded, without the query."""
    headers: Mapping[str, str]
    """Names in lower case."""


class Stored(NamedTuple):
    """A file that the CDN holds."""

    repo: str
    path: str
    blob: Blob


@dataclass
class TestHub:
    """A Hub with a CDN beside it; `serve` gives one that listens."""

    __test__ = False  # it is no test class

    endpoint: str = ""
    """The Hub's origin, for HF_ENDPOINT."""
    cdn: str = ""
    """The origin to which large files are redirected."""
    repos: dict[str, Repo] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=lambda: {"hf_good": "alice", "hf_other": "bob"})
    """Which user a token stands for."""
    rights: dict[str, Rights] = field(default_factory=dict)
    """What a token may do; one that is not named here may write."""
    orgs: dict[str, dict[str, OrgRole]] = field(default_factory=dict)
    """The members of each organization, with their roles there."""
    collections: dict[str, Collection] = field(default_factory=dict)
    """By their slugs."""
    uploads: Uploads = field(default_factory=Uploads)
    faults: Faults = field(default_factory=Faults)
    requests: list[Seen] = field(default_factory=list)
    """What the Hub was asked, in order."""
    cdn_requests: list[Seen] = field(default_factory=list)
    """What the CDN was asked, in order."""
    url_lifetime_seconds: float = 3600.0
    page_entries: int = 1000
    """Entries on one page of a tree; at most 50 when it is expanded."""
    multipart_over_bytes: int = 5_000_000_000
    """LFS objects larger than this are uploaded in parts."""
    part_bytes: int = 16 << 20
    """The size of one part."""
    _sent: Counter[str] = field(default_factory=Counter)
    _received: Counter[str] = field(default_factory=Counter)
    _stored: dict[str, Stored] = field(default_factory=dict)
    _expired: set[str] = field(default_factory=set)
    _secret: str = field(default_factory=lambda: secrets.token_hex(16))

    def add(
        self,
        name: str,
        files: Mapping[str, File],
        *,
        gated: str | bool = False,
        private: bool = False,
        readers: Iterable[str] = (),
        tags: Iterable[str] = (),
        branch: str = "main",
        info: Mapping[str, Any] | None = None,
    ) -> Repo:
        """Add a repo with one commit.

        Args:
            name: `owner/name`.
            files: path to bytes, a file on disk, or a `Generated` content.
            gated: whether files want an accepted license; True is "auto".
            private: whether the repo exists only for its owner and `readers`.
            readers: users beside the owner who may read it.
            tags: git tags on the commit.
            branch: the default branch.
            info: what model info says beyond what follows from the files.
        """
        repo = Repo(name, "auto" if gated is True else gated, private, set(readers), dict(info or {}))
        repo.default_branch = branch
        repo.commit(files, title="initial commit")
        for tag in tags:
            repo.tag(tag)
        self.repos[name] = repo
        return repo

    def issue(
        self,
        token: str,
        user: str,
        *,
        role: Role = "write",
        scoped: Mapping[str, Some[str]] | None = None,
        everywhere: Some[str] = (),
        reads_gated: bool = True,
        expired: bool = False,
        label: str = "test",
    ) -> None:
        """Make a token.

        Args:
            token: what it reads, like `hf_reader`.
            user: whom it stands for.
            role: `write`, `read`, or `fineGrained`.
            scoped: permissions of a fine-grained token by the name of a user, an organization or a repo.
            everywhere: permissions of a fine-grained token that hold wherever its user may look.
            reads_gated: whether a fine-grained token opens gated repos.
            expired: whether its time is over.
            label: the name that the user gave it.
        """
        self.tokens[token] = user
        self.rights[token] = Rights(role, dict(scoped or {}), tuple(everywhere), reads_gated, expired, label)

    def rights_of(self, token: str) -> Rights:
        """Return what a token may do."""
        return self.rights.get(token, Rights())

    def rename(self, old: str, new: str) -> Repo:
        """Give a repo a new name; requests for the old one are redirected."""
        repo = self.repos[new] = self.repos.pop(old)
        repo.name = new
        self.renamed[old] = new
        return repo

    def bytes_sent(self, pattern: str = "*") -> int:
        """Return how many bytes of file bodies went out; `pattern` as in a fault's path (`owner/name/path` too)."""
        return sum(count for key, count in list(self._sent.items()) if matches(pattern, ["/" + key]))

    def count(self, repo: str, path: str, size: int) -> None:
        """Note bytes of a file's body that went out."""
        self._sent[f"{repo}/{path}"] += size

    def bytes_received(self, pattern: str = "*") -> int:
        """Return how many bytes of files came in, whether or not they were kept.

        A file in LFS is counted as it arrives, one in a commit when the commit is read. `pattern` is as in
        `bytes_sent`; an LFS file goes by its sha256 too.
        """
        plain = sum(count for key, count in self._received.items() if matches(pattern, ["/" + key]))
        return plain + sum(one.received.total() for one in self.uploads.matching(pattern))

    def times_sent(self, pattern: str = "*") -> dict[str, int]:
        """Return how often each LFS file was sent, wholly or not, by `owner/name/path`.

        Of an object in parts it is the part sent most, of contents that a file had one after another the one sent most.
        """
        found: Counter[str] = Counter()
        for one in self.uploads.matching(pattern):
            found |= Counter({one.names[0].removeprefix("/"): max(one.puts.values())})
        return dict(found)

    def count_received(self, repo: str, path: str, size: int) -> None:
        """Note bytes of a file that came within a commit."""
        self._received[f"{repo}/{path}"] += size

    @property
    def leaked(self) -> list[Seen]:
        """Requests that brought a token to the CDN."""
        return [seen for seen in self.cdn_requests if "authorization" in seen.headers]

    def sign(self, repo: str, path: str, blob: Blob) -> str:
        """Return a URL of the CDN that gives a file for a while, to whoever has it."""
        home = hashlib.sha1(f"{repo}/{path}".encode()).hexdigest()
        place = f"/repos/{home[:2]}/{home[2:4]}/{home}/{blob.sha256}"
        self._stored[place] = Stored(repo, path, blob)
        name = path.rsplit("/", 1)[-1]
        shown = f"inline; filename*=UTF-8''{quote(name)}; filename=\"{name}\";"
        query = {"response-content-disposition": shown, **self.signed(place)}
        return f"{self.cdn}{place}?{urlencode(query)}"

    def signed(self, place: str) -> dict[str, str]:
        """Return the query that opens a path for a while."""
        expires = f"{time.time() + self.url_lifetime_seconds:.3f}"
        nonce = secrets.token_hex(8)
        return {"Expires": expires, "Policy": nonce, "Signature": self._signature(place, expires, nonce)}

    def is_signed(self, place: str, query: Mapping[str, str]) -> bool:
        """Whether a URL of the CDN carries a signature of ours that has not expired."""
        expires, nonce = query.get("Expires", ""), query.get("Policy", "")
        signature = query.get("Signature", "")
        if signature != self._signature(place, expires, nonce) or signature in self._expired:
            return False
        return float(expires) > time.time()

    def expire(self, signature: str) -> None:
        """Let a signature be of no use from now on."""
        self._expired.add(signature)

    def stored(self, place: str) -> Stored | None:
        """Return the file at a path of the CDN."""
        return self._stored.get(place)

    def _signature(self, place: str, expires: str, nonce: str) -> str:
        return hashlib.sha256(f"{self._secret} {place} {expires} {nonce}".encode()).hexdigest()
