"""The routes of the two origins, as huggingface_hub asks for them: reading here, publishing in modules of its own.

Paths are routed as they were sent, still quoted: `refs%2Fpr%2F1` is one segment. Handlers unquote.
"""

from functools import partial
from itertools import chain
from urllib.parse import parse_qs, quote, unquote, urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from tests.hub import answers, cards, collections, commits, discussions, uploads
from tests.hub.access import Access
from tests.hub.accounts import whoami
from tests.hub.bodies import FileAnswer
from tests.hub.faults import Target
from tests.hub.refusals import HANDLERS, Refusal, denied
from tests.hub.repos import Blob, Commit, folders
from tests.hub.state import TestHub
from tests.hub.surroundings import Surroundings

Answer = Response | FileAnswer


class HubRoutes(Access):
    """The Hub's answers to those who read."""

    async def info(self, request: Request) -> Answer:
        """`model_info`, with `blobs` or `expand` as asked."""
        repo = self.repo(request)
        found = answers.model_info(repo, self.commit(request, repo), with_blobs=_is_true(request, "blobs"))
        wanted = request.query_params.getlist("expand") + request.query_params.getlist("expand[]")
        if wanted:
            found = {key: value for key, value in found.items() if key in {"_id", "id", "modelId", *wanted}}
        return JSONResponse(found)

    async def tree(self, request: Request) -> Answer:
        """`list_repo_tree`, page by page."""
        repo = self.repo(request)
        commit = self.commit(request, repo)
        expand = _is_true(request, "expand")
        under = unquote(request.path_params.get("path", "")).strip("/")
        found = answers.tree(repo, commit, under=under, recursive=_is_true(request, "recursive"), expand=expand)
        if found is None:
            raise Refusal(404, "EntryNotFound", f"{under} does not exist on {commit.id}")
        start = int(request.query_params.get("cursor", 0))
        stop = start + (min(self.hub.page_entries, 50) if expand else self.hub.page_entries)
        headers = {}
        if stop < len(found):
            query = urlencode({**request.query_params, "cursor": stop})
            headers["Link"] = f'<{self.hub.endpoint}{request.scope["path"]}?{query}>; rel="next"'
        return JSONResponse(found[start:stop], headers=headers)

    async def paths_info(self, request: Request) -> Answer:
        """`get_paths_info`: what is not there is left out."""
        repo = self.repo(request)
        commit = self.commit(request, repo)
        form = parse_qs((await request.body()).decode())
        expand = form.get("expand", ["false"])[0].lower() == "true"
        there = {*commit.files, *folders(commit.files)}
        known = [path for path in form.get("paths", []) if path in there]
        return JSONResponse([answers.entry(repo, commit, path, expand=expand) for path in known])

    async def refs(self, request: Request) -> Answer:
        """`list_repo_refs`."""
        return JSONResponse(answers.refs(self.repo(request), with_pull_requests=_is_true(request, "include_prs")))

    async def commits(self, request: Request) -> Answer:
        """`list_repo_commits`."""
        repo = self.repo(request)
        return JSONResponse(answers.commits(repo, self.commit(request, repo)))

    async def auth_check(self, request: Request) -> Answer:
        """`auth_check`: whether the files may be had."""
        self.open(request)
        return JSONResponse({})

    async def whoami(self, request: Request) -> Answer:
        """`whoami`."""
        return JSONResponse(whoami(self.signed_in(request), self.rights(request), self.hub.orgs))

    async def resolve(self, request: Request) -> Answer:
        """A file, by a redirect: of an LFS file to the CDN, of another to this origin's cache of commits."""
        repo = self.open(request)
        commit = self.commit(request, repo)
        path, blob = self._file(request, commit)
        headers = {
            "X-Repo-Commit": commit.id,
            "X-Linked-Size": str(blob.size),
            "X-Linked-Etag": f'"{blob.etag}"',
            "Accept-Ranges": "bytes",
        }
        if blob.is_lfs:
            return Response(status_code=302, headers={**headers, "Location": self.hub.sign(repo.name, path, blob)})
        place = f"/api/resolve-cache/models/{repo.name}/{commit.id}/{quote(path)}"
        query = urlencode({request.scope["path"]: "", "etag": f'"{blob.etag}"'})
        return Response(status_code=307, headers={**headers, "Location": f"{place}?{query}"})

    async def resolve_cache(self, request: Request) -> Answer:
        """A file that is not in LFS, at a commit."""
        repo = self.open(request)
        commit = self.commit(request, repo)
        path, blob = self._file(request, commit)
        headers = {"X-Repo-Commit": commit.id, "ETag": f'"{blob.etag}"', "Content-Type": "text/plain; charset=utf-8"}
        target = Target((unquote(request.scope["path"]),), request.method, "hub")
        return FileAnswer(blob, headers, target, self.hub.faults, partial(self.hub.count, repo.name, path))

    def _file(self, request: Request, commit: Commit) -> tuple[str, Blob]:
        path = unquote(request.path_params["path"])
        if path not in commit.files:
            raise Refusal(404, "EntryNotFound", "Entry not found", **{"X-Repo-Commit": commit.id})
        return path, commit.files[path]


class CdnRoutes:
    """The CDN's answers: it knows signatures, and nobody by name."""

    def __init__(self, hub: TestHub) -> None:
        self.hub = hub

    async def file(self, request: Request) -> Answer:
        """A file, to whoever has a signed URL that is still good."""
        place = request.url.path
        stored = self.hub.stored(place)
        if stored is None:
            return denied()
        target = Target((f"/{stored.repo}/{stored.path}",), request.method, "cdn")
        if self.hub.faults.take(target, ("expired",)):
            self.hub.expire(request.query_params.get("Signature", ""))
        if not self.hub.is_signed(place, request.query_params):
            return denied()
        headers = {
            "ETag": f'"{stored.blob.oid[:32]}"',  # the store's own name for the object, of no use to a client
            "Content-Type": "application/octet-stream",
            "Content-Disposition": request.query_params.get("response-content-disposition", "inline"),
        }
        return FileAnswer(stored.blob, headers, target, self.hub.faults, partial(self.hub.count, *stored[:2]))


def _is_true(request: Request, name: str) -> bool:
    return request.query_params.get(name, "").lower() in ("true", "1")


def hub_app(hub: TestHub) -> ASGIApp:
    """Return the Hub as an application."""
    answer = HubRoutes(hub)
    model = "/api/models/{owner}/{name}"
    reading = [
        Route("/api/whoami-v2", answer.whoami),
        Route("/api/resolve-cache/models/{owner}/{name}/{revision}/{path:path}", answer.resolve_cache),
        Route(model, answer.info),
        Route(f"{model}/revision/{{revision}}", answer.info),
        Route(f"{model}/tree/{{revision}}", answer.tree),
        Route(f"{model}/tree/{{revision}}/{{path:path}}", answer.tree),
        Route(f"{model}/paths-info/{{revision}}", answer.paths_info, methods=["POST"]),
        Route(f"{model}/refs", answer.refs),
        Route(f"{model}/commits/{{revision}}", answer.commits),
        Route(f"{model}/auth-check", answer.auth_check),
        Route("/{owner}/{name}/resolve/{revision}/{path:path}", answer.resolve),
    ]
    publishing = [module.routes(hub) for module in (uploads, commits, discussions, collections)]
    routes = [*reading, *cards.routes(), *chain.from_iterable(publishing)]
    app = Starlette(routes=routes, exception_handlers=HANDLERS)
    return Surroundings(app, hub, "hub")


def cdn_app(hub: TestHub) -> ASGIApp:
    """Return the CDN as an application."""
    routes = [Route("/repos/{place:path}", CdnRoutes(hub).file), *uploads.store_routes(hub)]
    return Surroundings(Starlette(routes=routes), hub, "cdn")
