"""Who asks, what they may see and what they may change: the part that all of the Hub's answers share."""

from urllib.parse import unquote

from starlette.requests import Request

from tests.hub.accounts import CREATING_ROLES, WRITING_ROLES, Rights
from tests.hub.refusals import Moved, Refusal
from tests.hub.repos import Commit, Repo
from tests.hub.state import TestHub


class Access:
    """Questions that are asked of a request before it is obeyed; each is answered or refused."""

    def __init__(self, hub: TestHub) -> None:
        self.hub = hub

    def user(self, request: Request) -> str | None:
        """Return who asks, None without a token."""
        token = _token(request)
        if token is None:
            return None
        if token not in self.hub.tokens:
            raise Refusal(401, None, "Invalid credentials in Authorization header")
        if self.hub.rights_of(token).expired:
            raise Refusal(401, None, f'User Access Token "{self.hub.rights_of(token).label}" is expired')
        return self.hub.tokens[token]

    def signed_in(self, request: Request) -> str:
        """Return who asks, who must have a token."""
        user = self.user(request)
        if user is None:
            raise Refusal(401, None, "Invalid username or password.")
        return user

    def rights(self, request: Request) -> Rights:
        """Return what the token may do."""
        return self.hub.rights_of(_token(request) or "")

    def repo(self, request: Request) -> Repo:
        """Return the repo asked for, if it is there for who asks."""
        user = self.user(request)
        name = "{owner}/{name}".format(**request.path_params)
        if name in self.hub.renamed:
            raise Moved(name, self.hub.renamed[name])
        repo = self.hub.repos.get(name)
        if repo is not None and (not repo.private or self._reads(request, repo)):
            return repo
        if user is None:
            # The Hub does not tell a stranger what is private from what is not there.
            realm = 'Bearer realm="Authentication required", charset="UTF-8"'
            raise Refusal(401, "RepoNotFound", "Invalid username or password.", **{"WWW-Authenticate": realm})
        raise Refusal(404, "RepoNotFound", "Repository not found")

    def open(self, request: Request) -> Repo:
        """Return the repo asked for, if its files may be had."""
        repo, user = self.repo(request), self.user(request)
        if not repo.gated or (self._is_inside(user, repo) and self._passes_gates(request, repo)):
            return repo
        restricted = f"Access to model {repo.name} is restricted"
        if user is None:
            hint = "You must have access to it and be authenticated to access it. Please log in."
            raise Refusal(401, "GatedRepo", f"{restricted}. {hint}")
        where = f"Visit {self.hub.endpoint}/{repo.name} to ask for access."
        raise Refusal(403, "GatedRepo", f"{restricted} and you are not in the authorized list. {where}")

    def commit(self, request: Request, repo: Repo) -> Commit:
        """Return the commit asked for, by default the newest."""
        revision = unquote(request.path_params.get("revision", repo.default_branch))
        commit = repo.at(revision)
        if commit is None:
            raise Refusal(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return commit

    def writes(self, request: Request, repo: Repo) -> bool:
        """Whether who asks may change the repo."""
        user, owner = self.signed_in(request), repo.owner
        role = self.hub.orgs.get(owner, {}).get(user)
        is_own = user == owner or role in WRITING_ROLES or (role == "contributor" and repo.creator == user)
        return is_own and self.rights(request).allow("repo.write", owner, repo.name)

    def owns(self, request: Request, namespace: str, permission: str) -> bool:
        """Whether who asks may make things under a user's or an organization's name."""
        user = self.signed_in(request)
        is_own = user == namespace or self.hub.orgs.get(namespace, {}).get(user) in CREATING_ROLES
        return is_own and self.rights(request).allow(permission, namespace)

    def writable(self, request: Request) -> Repo:
        """Return the repo asked for, if who asks may change it."""
        repo = self.repo(request)
        self._refuse_readers(request)
        if not self.writes(request, repo):
            raise Refusal(403, None, "Authorization error")
        return repo

    def proposable(self, request: Request) -> Repo:
        """Return the repo asked for, if who asks may open a discussion or a pull request there."""
        repo = self.repo(request)
        self._refuse_readers(request)
        if not self.rights(request).allow("discussion.write", repo.owner, repo.name):
            raise Refusal(403, None, "Authorization error")
        return repo

    def target(self, request: Request, revision: str | None) -> Repo:
        """Return the repo asked for, if who asks may commit to a revision.

        Args:
            request: the request.
            revision: a branch or `refs/pr/N`; None is a pull request to be.
        """
        if revision is None:
            return self.proposable(request)
        repo = self.repo(request)
        self._refuse_readers(request)
        own = [one for one in repo.discussions if one.ref == revision and one.author == self.user(request)]
        if not own and not self.writes(request, repo):
            raise Refusal(403, None, "Forbidden: pass `create_pr=1` as a query parameter to create a Pull Request")
        return repo

    def _refuse_readers(self, request: Request) -> None:
        self.signed_in(request)
        if self.rights(request).role == "read":
            raise Refusal(403, None, "you must use a write token to upload to a repository")

    def _is_inside(self, user: str | None, repo: Repo) -> bool:
        return repo.is_open_to(user) or user in self.hub.orgs.get(repo.owner, {})

    def _reads(self, request: Request, repo: Repo) -> bool:
        allow, names = self.rights(request).allow, (repo.owner, repo.name)
        permitted = allow("repo.content.read", *names) or allow("repo.write", *names)
        return self._is_inside(self.user(request), repo) and permitted

    def _passes_gates(self, request: Request, repo: Repo) -> bool:
        rights = self.rights(request)
        return rights.role != "fineGrained" or rights.reads_gated or self._reads(request, repo)


def _token(request: Request) -> str | None:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token if kind.lower() == "bearer" else None
