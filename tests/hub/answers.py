"""What the Hub writes about a repo: model info, tree entries, refs, commits. JSON only, no HTTP."""

import hashlib
from pathlib import PurePosixPath
from typing import Any

from tests.hub.repos import Blob, Commit, Repo, folders


def model_info(repo: Repo, commit: Commit, *, with_blobs: bool = False) -> dict[str, Any]:
    """Return what `/api/models/NAME` says; with `with_blobs`, each sibling's size and hashes too."""
    first = next(iter(repo.commits.values()))
    siblings = [
        {"rfilename": path, **(_sibling_blob(blob) if with_blobs else {})} for path, blob in commit.files.items()
    ]
    return {
        "_id": hashlib.sha1(repo.name.encode()).hexdigest()[:24],
        "id": repo.name,
        "modelId": repo.name,
        "author": repo.name.split("/")[0],
        "sha": commit.id,
        "createdAt": first.timestamp,
        "lastModified": commit.timestamp,
        "private": repo.private,
        "gated": repo.gated,
        "disabled": False,
        "downloads": 0,
        "likes": 0,
        "tags": [],
        "siblings": siblings,
        "usedStorage": sum(blob.size for blob in commit.files.values()),
        **repo.info,
    }


def _sibling_blob(blob: Blob) -> dict[str, Any]:
    lfs = {"sha256": blob.sha256, "size": blob.size, "pointerSize": len(blob.pointer)} if blob.is_lfs else None
    return {"blobId": blob.oid, "size": blob.size, **({"lfs": lfs} if lfs else {})}


def tree(repo: Repo, commit: Commit, *, under: str = "", recursive: bool, expand: bool) -> list[dict[str, Any]] | None:
    """Return the entries of a folder, files and folders in order of their paths; None if there is no such folder."""
    names = folders(commit.files)
    if under and under not in names:
        return None
    inside = f"{under}/" if under else ""
    found = [path for path in sorted([*commit.files, *names]) if path.startswith(inside)]
    if not recursive:
        found = [path for path in found if "/" not in path.removeprefix(inside)]
    return [entry(repo, commit, path, expand=expand) for path in found]


def entry(repo: Repo, commit: Commit, path: str, *, expand: bool) -> dict[str, Any]:
    """Return a file or folder of a tree; with `expand`, its last commit and scan too."""
    if path not in commit.files:
        listing = "".join(blob.oid for name, blob in commit.files.items() if PurePosixPath(name).is_relative_to(path))
        oid = hashlib.sha1(listing.encode()).hexdigest()
        seen = {"type": "directory", "oid": oid, "size": 0, "path": path}
        return seen | ({"lastCommit": _last(repo, commit, path)} if expand else {})
    blob = commit.files[path]
    found: dict[str, Any] = {"type": "file", "oid": blob.oid, "size": blob.size, "path": path}
    if blob.is_lfs:
        found["lfs"] = {"oid": blob.sha256, "size": blob.size, "pointerSize": len(blob.pointer)}
    if expand:
        scan = {"status": "safe", "message": ""}
        found["lastCommit"] = _last(repo, commit, path)
        found["securityFileStatus"] = {"status": "safe", "avScan": scan, "pickleImportScan": None}
    return found


def _last(repo: Repo, commit: Commit, path: str) -> dict[str, Any]:
    """Return the commit that last changed a path, which may be a folder."""

    def state(at: Commit) -> list[str]:
        return [blob.oid for name, blob in at.files.items() if PurePosixPath(name).is_relative_to(path)]

    chosen = commit
    for older in repo.history(commit):
        if state(older) != state(commit):
            break
        chosen = older
    return {"id": chosen.id, "title": chosen.title, "date": chosen.timestamp}


def refs(repo: Repo, *, with_pull_requests: bool) -> dict[str, Any]:
    """Return the branches and tags, and pull requests (`refs/pr/N`) if wanted."""
    plain = {name: commit for name, commit in repo.branches.items() if not name.startswith("refs/")}
    found = {
        "branches": [_ref(name, f"refs/heads/{name}", commit) for name, commit in plain.items()],
        "converts": [],
        "tags": [_ref(name, f"refs/tags/{name}", commit) for name, commit in repo.tags.items()],
    }
    if with_pull_requests:
        requests = {name: commit for name, commit in repo.branches.items() if name.startswith("refs/pr/")}
        found["pullRequests"] = [_ref(name, name, commit) for name, commit in requests.items()]
    return found


def _ref(name: str, ref: str, commit: str) -> dict[str, str]:
    return {"name": name, "ref": ref, "targetCommit": commit}


def commits(repo: Repo, commit: Commit) -> list[dict[str, Any]]:
    """Return the history, newest first."""
    authors = [{"user": repo.name.split("/")[0]}]
    return [
        {"id": one.id, "title": one.title, "message": one.message, "date": one.timestamp, "authors": authors}
        for one in repo.history(commit)
    ]
