"""How files come in: what the Hub wants of each, the LFS protocol, and the store that signed URLs lead to.

An object is the repo's only once it was verified: as on the Hub, a commit cannot name one that was merely sent.
"""

import asyncio
import base64
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.hub.access import Access
from tests.hub.faults import Target
from tests.hub.objects import Upload
from tests.hub.refusals import Refusal, denied
from tests.hub.repos import Commit, OnDisk, Repo, belongs_in_lfs
from tests.hub.state import TestHub

_LFS_TYPE = "application/vnd.git-lfs+json"


class UploadRoutes(Access):
    """The Hub's answers about files that are to come."""

    async def preupload(self, request: Request) -> JSONResponse:
        """How each file is to be sent, and what stands in its place now."""
        revision = unquote(request.path_params["revision"])
        repo = self.target(request, None if request.query_params.get("create_pr") else revision)
        commit = self.commit(request, repo)
        asked = await request.json()
        ignored = asked.get("gitIgnore")
        if ignored is None and ".gitignore" in commit.files:
            present = commit.files[".gitignore"]
            ignored = present.content.read(0, present.size).decode()
        patterns = [line.strip() for line in (ignored or "").splitlines() if line.strip() and line[0] != "#"]
        return JSONResponse({"files": [self._mode(repo, commit, file, patterns) for file in asked["files"]]})

    def _mode(self, repo: Repo, commit: Commit, file: dict[str, Any], ignored: list[str]) -> dict[str, Any]:
        path, size, sample = file["path"], file["size"], base64.b64decode(file["sample"])
        repo.announced[path] = (size, sample)
        is_lfs = belongs_in_lfs(path, size) or b"\0" in sample
        present = commit.files.get(path)
        known = {} if present is None else {"oid": present.etag}
        mode = "lfs" if is_lfs else "regular"
        return {"path": path, "uploadMode": mode, "shouldIgnore": _is_ignored(path, ignored), **known}

    async def batch(self, request: Request) -> JSONResponse:
        """Where to send objects; those that the repo has need not be sent."""
        asked = await request.json()
        repo = self.target(request, asked.get("ref", {}).get("name"))
        objects = [self._actions(repo, one["oid"], one["size"]) for one in asked["objects"]]
        is_multipart = any("chunk_size" in one["actions"]["upload"]["header"] for one in objects if "actions" in one)
        transfer = "multipart" if is_multipart else "basic"
        return JSONResponse({"transfer": transfer, "objects": objects}, media_type=_LFS_TYPE)

    def _actions(self, repo: Repo, oid: str, size: int) -> dict[str, Any]:
        told = {"oid": oid, "size": size, "authenticated": True}
        if repo.in_lfs(oid) is not None:
            return told
        part_bytes = self.hub.part_bytes if size > self.hub.multipart_over_bytes else None
        key, upload = self.hub.uploads.expect(repo, oid, size, part_bytes)
        urls = {str(number): self._signed(f"/lfs/{key}/{number}") for number in upload.numbers}
        sending: dict[str, Any] = {"href": urls["1"], "header": {}}
        if part_bytes is not None:
            place = f"/api/complete_multipart/{key}"
            href = f"{self.hub.endpoint}{place}?{urlencode(self.hub.signed(place))}"
            sending = {"href": href, "header": {"chunk_size": str(part_bytes), **urls}}
        verifying = {"href": f"{self.hub.endpoint}/{repo.name}.git/info/lfs/objects/verify", "header": {}}
        return {**told, "actions": {"upload": sending, "verify": verifying}}

    def _signed(self, place: str) -> str:
        return f"{self.hub.cdn}{place}?{urlencode(self.hub.signed(place))}"

    async def complete(self, request: Request) -> Response:
        """Put the parts of an object together."""
        upload = self.hub.uploads.known.get(request.path_params["key"])
        if upload is None or not self.hub.is_signed(request.url.path, request.query_params):
            return denied()
        named = {part["partNumber"]: part["etag"].strip('"') for part in (await request.json())["parts"]}
        if named != {number: part.etag for number, part in upload.parts.items()} or [*named] != [*upload.numbers]:
            raise Refusal(400, None, "One or more of the specified parts could not be found")
        await asyncio.to_thread(upload.join)
        return JSONResponse({"success": True})

    async def verify(self, request: Request) -> Response:
        """Take an object into the repo, if it is what was announced."""
        repo = self.repo(request)
        asked = await request.json()
        upload = self.hub.uploads.find(repo, asked["oid"])
        if upload is None or (upload.whole is None and asked["oid"] not in repo.objects):
            raise Refusal(404, None, "Object does not exist on the server")
        if upload.whole is not None:
            self._settle(repo, upload)
        return Response(status_code=200)

    def _settle(self, repo: Repo, upload: Upload) -> None:
        if upload.whole is None or not upload.is_expected:
            upload.forget()
            raise Refusal(400, None, f"The content of {upload.oid} does not match its hash and size")
        repo.objects[upload.oid] = OnDisk(upload.whole.file)
        upload.parts.clear()
        upload.whole = None


class StoreRoutes:
    """The store's answers: like the CDN, it knows signatures and nobody by name."""

    def __init__(self, hub: TestHub) -> None:
        self.hub = hub

    async def put(self, request: Request) -> Response:
        """Keep a body, for whoever has a signed URL that is still good."""
        place = request.url.path
        found = self.hub.uploads.at(place)
        if found is None:
            return denied()
        upload, number = found
        if self.hub.faults.take(Target(upload.names, "PUT", "cdn"), ("expired",)):
            self.hub.expire(request.query_params.get("Signature", ""))
        if not self.hub.is_signed(place, request.query_params):
            await request.body()  # a peer that is still sending would not hear the refusal
            return denied()
        part = await upload.take(number, request.stream())
        return Response(status_code=200, headers={"ETag": f'"{part.etag}"'})


def _is_ignored(path: str, patterns: list[str]) -> bool:
    """Whether a line of a .gitignore means a file or a folder above it; negations are not known here."""
    above = [path, *map(str, PurePosixPath(path).parents)][:-1]
    names = {*above, *(PurePosixPath(one).name for one in above)}
    return any(fnmatchcase(name, pattern.strip("/")) for pattern in patterns for name in names)


def routes(hub: TestHub) -> list[Route]:
    """Return the Hub's routes for files to come."""
    answer = UploadRoutes(hub)
    objects = "/{owner}/{name}.git/info/lfs/objects"
    return [
        Route("/api/models/{owner}/{name}/preupload/{revision}", answer.preupload, methods=["POST"]),
        Route(f"{objects}/batch", answer.batch, methods=["POST"]),
        Route(f"{objects}/verify", answer.verify, methods=["POST"]),
        Route("/api/complete_multipart/{key}", answer.complete, methods=["POST"]),
    ]


def store_routes(hub: TestHub) -> list[Route]:
    """Return the routes of the store."""
    return [Route("/lfs/{key}/{number}", StoreRoutes(hub).put, methods=["PUT"])]
