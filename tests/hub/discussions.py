"""Discussions and pull requests: opening, telling of, changing and merging them."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from tests.hub.access import Access
from tests.hub.proposals import Discussion, Status
from tests.hub.refusals import Refusal
from tests.hub.repos import Repo
from tests.hub.state import TestHub

_PAGE = 50


def propose(repo: Repo, author: str, title: str, text: str, base: str, *, status: Status) -> Discussion:
    """Open a pull request that starts at a commit."""
    number = len(repo.discussions) + 1
    discussion = Discussion(number, title, author, f"refs/pr/{number}", base, status)
    discussion.comment(author, text)
    repo.discussions.append(discussion)
    repo.branches[f"refs/pr/{number}"] = base
    return discussion


class DiscussionRoutes(Access):
    """The Hub's answers about discussions."""

    async def open_one(self, request: Request) -> JSONResponse:
        """`create_discussion` and `create_pull_request`; the latter is a draft."""
        repo, user = self.proposable(request), self.signed_in(request)
        asked = await request.json()
        title, text = asked["title"], asked["description"]
        if asked["pullRequest"]:
            discussion = propose(repo, user, title, text, repo.head, status="draft")
        else:
            discussion = Discussion(len(repo.discussions) + 1, title, user)
            discussion.comment(user, text)
            repo.discussions.append(discussion)
        return JSONResponse(_listed(repo, discussion))

    async def list(self, request: Request) -> JSONResponse:
        """`get_repo_discussions`, page by page."""
        repo, asked = self.repo(request), request.query_params
        found = [
            _listed(repo, one)
            for one in reversed(repo.discussions)
            if asked.get("type", "all") in ("all", "pull_request" if one.ref else "discussion")
            and asked.get("status", "all") in ("all", "open" if one.status in ("open", "draft") else "closed")
            and asked.get("author", one.author) == one.author
        ]
        start = int(asked.get("p", 0)) * _PAGE
        return JSONResponse({"discussions": found[start : start + _PAGE], "count": len(found), "start": start})

    async def tell(self, request: Request) -> JSONResponse:
        """`get_discussion_details`."""
        repo = self.repo(request)
        one = self._discussion(request, repo)
        told = {**_listed(repo, one), "events": one.events}
        if one.ref:
            base = {"base": f"refs/heads/{repo.default_branch}", "mergeCommitId": one.merged}
            told |= {"changes": base, "filesWithConflicts": [], "diff": ""}
        return JSONResponse(told)

    async def comment(self, request: Request) -> JSONResponse:
        """`comment_discussion`."""
        one = self._discussion(request, self.proposable(request))
        return JSONResponse({"newMessage": one.comment(self.signed_in(request), (await request.json())["comment"])})

    async def status(self, request: Request) -> JSONResponse:
        """`change_discussion_status`, for the author and those who may change the repo."""
        one = self._changeable(request)
        asked = await request.json()
        if one.status == "merged":
            raise Refusal(400, None, "A merged pull request cannot be changed")
        user = self.signed_in(request)
        if asked.get("comment"):
            one.comment(user, asked["comment"])
        return JSONResponse({"newStatus": one.turn(user, asked["status"])})

    async def title(self, request: Request) -> JSONResponse:
        """`rename_discussion`."""
        one = self._changeable(request)
        return JSONResponse({"newTitle": one.rename(self.signed_in(request), (await request.json())["title"])})

    async def merge(self, request: Request) -> JSONResponse:
        """`merge_pull_request`: what it changed is changed on the default branch."""
        repo = self.writable(request)
        one = self._discussion(request, repo)
        if one.ref is None or one.base is None or one.status != "open":
            raise Refusal(400, None, "Only an open pull request can be merged")
        before, after = repo.commits[one.base].files, repo.commits[repo.branches[one.ref]].files
        changed = {path: blob for path, blob in after.items() if before.get(path) is not blob}
        title = f"{one.title} (#{one.number})"
        one.merged = repo.commit(changed, deleted={path for path in before if path not in after}, title=title)
        one.turn(self.signed_in(request), "merged")
        return JSONResponse({"success": True})

    def _discussion(self, request: Request, repo: Repo) -> Discussion:
        number = int(request.path_params["number"])
        found = next((one for one in repo.discussions if one.number == number), None)
        if found is None:
            raise Refusal(404, None, "Discussion not found")
        return found

    def _changeable(self, request: Request) -> Discussion:
        repo = self.proposable(request)
        one = self._discussion(request, repo)
        if one.author != self.user(request) and not self.writes(request, repo):
            raise Refusal(403, None, "Authorization error")
        return one


def _listed(repo: Repo, one: Discussion) -> dict[str, Any]:
    return {
        "num": one.number,
        "title": one.title,
        "author": {"name": one.author, "type": "user"},
        "createdAt": one.created,
        "status": one.status,
        "isPullRequest": one.ref is not None,
        "repo": {"name": repo.name, "type": "model"},
        "numComments": sum(event["type"] == "comment" for event in one.events),
    }


def routes(hub: TestHub) -> list[Route]:
    """Return the routes of discussions."""
    answer = DiscussionRoutes(hub)
    many = "/api/models/{owner}/{name}/discussions"
    changes = {"comment": answer.comment, "status": answer.status, "title": answer.title, "merge": answer.merge}
    return [
        Route(many, answer.list),
        Route(many, answer.open_one, methods=["POST"]),
        Route(f"{many}/{{number:int}}", answer.tell),
        *(Route(f"{many}/{{number:int}}/{name}", change, methods=["POST"]) for name, change in changes.items()),
    ]
