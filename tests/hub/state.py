"""The test Hub as its tests see it: repos, tokens, faults, and what was asked and sent."""

import hashlib
import secrets
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from tests.hub.faults import Faults, matches
from tests.hub.repos import Blob, File, Repo


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
    faults: Faults = field(default_factory=Faults)
    requests: list[Seen] = field(default_factory=list)
    """What the Hub was asked, in order."""
    cdn_requests: list[Seen] = field(default_factory=list)
    """What the CDN was asked, in order."""
    url_lifetime_seconds: float = 3600.0
    page_entries: int = 1000
    """Entries on one page of a tree; at most 50 when it is expanded."""
    _sent: Counter[str] = field(default_factory=Counter)
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
        expires = f"{time.time() + self.url_lifetime_seconds:.3f}"
        nonce = secrets.token_hex(8)
        query = {
            "response-content-disposition": f"inline; filename*=UTF-8''{quote(name)}; filename=\"{name}\";",
            "Expires": expires,
            "Policy": nonce,
            "Signature": self._signature(place, expires, nonce),
        }
        return f"{self.cdn}{place}?{urlencode(query)}"

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
