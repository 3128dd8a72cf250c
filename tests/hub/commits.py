"""Making repos, commits and branches."""

import base64
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.hub.access import Access
from tests.hub.cards import problems
from tests.hub.discussions import propose
from tests.hub.refusals import Refusal
from tests.hub.repos import LFS_BYTES, Blob, Commit, InMemory, Repo
from tests.hub.state import TestHub

_ATTRIBUTES = b"".join(
    b"*%s filter=lfs diff=lfs merge=lfs -text\n" % suffix for suffix in (b".bin", b".gguf", b".npz", b".safetensors")
)


@dataclass
class Changes:
    """What a commit is asked to change."""

    summary: str = ""
    description: str = ""
    parent: str | None = None
    files: dict[str, Blob] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)


class CommitRoutes(Access):
    """The Hub's answers to those who change something."""

    async def create(self, request: Request) -> Response:
        """`create_repo`, with the commit that a new repo has."""
        user = self.signed_in(request)
        asked = await request.json()
        namespace = asked.get("organization") or user
        if not self.owns(request, namespace, "repo.write"):
            message = f'You don\'t have the rights to create a model under the namespace "{namespace}"'
            raise Refusal(403, None, message)
        name = f"{namespace}/{asked['name']}"
        told = {"url": f"{self.hub.endpoint}/{name}", "name": name, "id": name}
        if name in self.hub.repos:
            return JSONResponse({"error": "You already created this model repo", **told}, 409)
        is_private = asked.get("visibility") == "private" or bool(asked.get("private"))
        self.hub.add(name, {".gitattributes": _ATTRIBUTES}, private=is_private).creator = user
        return JSONResponse(told)

    async def settings(self, request: Request) -> Response:
        """`update_repo_settings`: who may see the repo."""
        repo = self.writable(request)
        asked = await request.json()
        if "visibility" in asked:
            repo.private = asked["visibility"] == "private"
        if "gated" in asked:
            repo.gated = asked["gated"]
        return JSONResponse({"private": repo.private, "gated": repo.gated})

    async def branch(self, request: Request) -> Response:
        """`create_branch`."""
        repo = self.writable(request)
        name = unquote(request.path_params["branch"])
        start = (await request.json()).get("startingPoint", repo.default_branch)
        commit = repo.at(start)
        if name.startswith("refs/"):
            raise Refusal(400, None, f"Invalid reference for a branch: {name}")
        if name in repo.branches:
            raise Refusal(409, None, f"Reference already exists: refs/heads/{name}")
        if commit is None:
            raise Refusal(404, "RevisionNotFound", f"Invalid rev id: {start}")
        repo.branches[name] = commit.id
        return JSONResponse({})

    async def commit_files(self, request: Request) -> Response:
        """`create_commit`, on a branch, on a pull request, or as a new one."""
        revision = unquote(request.path_params["revision"])
        is_proposal = bool(request.query_params.get("create_pr"))
        repo = self.target(request, None if is_proposal else revision)
        head = self.commit(request, repo)
        changes = self._changes(repo, await request.body())
        start = _start(repo, head, changes.parent, None if is_proposal else revision)
        deleted = _deleted(changes.deleted, start.files)
        user, place = self.signed_in(request), {}
        if is_proposal:
            discussion = propose(repo, user, changes.summary, changes.description, start.id, status="open")
            place["pullRequestUrl"] = f"{self.hub.endpoint}/{repo.name}/discussions/{discussion.number}"
            revision = str(discussion.ref)
        branch = revision.removeprefix("refs/heads/")
        words = {"title": changes.summary, "message": changes.description}
        oid = repo.commit(changes.files, deleted=deleted, branch=branch, **words)
        for one in repo.discussions:
            if one.ref == revision:
                one.add("commit", user, {"subject": changes.summary, "oid": oid})
        told = {"success": True, "commitOid": oid, "commitUrl": f"{self.hub.endpoint}/{repo.name}/commit/{oid}"}
        return JSONResponse({**told, "hookOutput": "", **place})

    def _changes(self, repo: Repo, body: bytes) -> Changes:
        changes = Changes()
        for key, value in _lines(body):
            match key:
                case "header":
                    changes.summary, changes.description = value["summary"], value.get("description", "")
                    changes.parent = value.get("parentCommit")
                case "file":
                    changes.files[value["path"]] = self._file(repo, value)
                case "lfsFile":
                    changes.files[value["path"]] = _object(repo, value)
                case "deletedFile":
                    changes.deleted.add(value["path"])
                case "deletedFolder":
                    changes.deleted.add(value["path"].rstrip("/") + "/")
                case _:
                    raise Refusal(400, None, f'"key" cannot be {key}')
        return changes

    def _file(self, repo: Repo, value: dict[str, Any]) -> Blob:
        path, data = value["path"], base64.b64decode(value["content"])
        self.hub.count_received(repo.name, path, len(data))
        if len(data) > LFS_BYTES:
            raise Refusal(400, None, f"Your push was rejected because it contains files larger than 10 MiB: {path}")
        if path == "README.md" and (errors := problems(data.decode())[0]):
            raise Refusal(400, None, "Your push was rejected due to invalid metadata: " + "; ".join(errors))
        return Blob(InMemory(data), is_lfs=False)


def _lines(body: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    for line in body.splitlines():
        if line.strip():
            entry = json.loads(line)
            yield entry["key"], entry["value"]


def _object(repo: Repo, value: dict[str, Any]) -> Blob:
    found = repo.in_lfs(value["oid"])
    if found is None or value.get("size", found.size) != found.size:
        wrong = "Your push was rejected because an LFS pointer pointed to a file that does not exist"
        raise Refusal(400, None, f"{wrong}. Offending file: - {value['path']}")
    return found


def _start(repo: Repo, head: Commit, parent: str | None, branch: str | None) -> Commit:
    """Return the commit that is built upon, which must still be the newest of a branch; a proposal may choose it."""
    if branch is None:
        return next((one for one in repo.commits.values() if parent and one.id.startswith(parent)), head)
    if branch.removeprefix("refs/heads/") not in repo.branches:
        raise Refusal(400, None, f"Cannot commit to {branch}: it is no branch")
    if parent is not None and not head.id.startswith(parent):
        raise Refusal(412, None, "A commit has happened since. Please refresh and try again.")
    return head


def _deleted(asked: Iterable[str], present: Iterable[str]) -> set[str]:
    """Return the files that are to go; a folder ends in a slash."""
    gone: set[str] = set()
    for path in asked:
        found = {one for one in present if one == path or (path.endswith("/") and one.startswith(path))}
        if not found:
            raise Refusal(404, "EntryNotFound", f"A file with this name doesn't exist: {path}")
        gone |= found
    return gone


def routes(hub: TestHub) -> list[Route]:
    """Return the routes by which repos are made and changed."""
    answer = CommitRoutes(hub)
    model = "/api/models/{owner}/{name}"
    return [
        Route("/api/repos/create", answer.create, methods=["POST"]),
        Route(f"{model}/settings", answer.settings, methods=["PUT"]),
        Route(f"{model}/branch/{{branch}}", answer.branch, methods=["POST"]),
        Route(f"{model}/commit/{{revision}}", answer.commit_files, methods=["POST"]),
    ]
