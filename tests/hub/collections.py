"""Making collections, filling and finding them."""

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from tests.hub.access import Access
from tests.hub.refusals import Refusal
from tests.hub.shelves import Collection, Item
from tests.hub.state import TestHub


class CollectionRoutes(Access):
    """The Hub's answers about collections."""

    async def make(self, request: Request) -> JSONResponse:
        """`create_collection`."""
        asked = await request.json()
        collection = Collection(asked["namespace"], asked["title"], asked["private"], asked.get("description"))
        self._refuse_others(request, collection.owner)
        if collection.slug in self.hub.collections:
            return JSONResponse({"error": "This collection already exists", "slug": collection.slug}, 409)
        self.hub.collections[collection.slug] = collection
        return JSONResponse(collection.told())

    async def list(self, request: Request) -> JSONResponse:
        """`list_collections`, by owner or item; private ones for those who may see them."""
        owner, item = request.query_params.get("owner"), request.query_params.get("item")
        found = [
            collection.listed()
            for collection in self.hub.collections.values()
            if (owner is None or collection.owner == owner)
            and (item is None or item in {f"{one.type}s/{one.id}" for one in collection.items})
            and self._sees(request, collection)
        ]
        return JSONResponse(found[: int(request.query_params.get("limit", len(found)))])

    async def tell(self, request: Request) -> JSONResponse:
        """`get_collection`."""
        return JSONResponse(self._collection(request).told())

    async def add(self, request: Request) -> JSONResponse:
        """`add_collection_item`."""
        collection = self._collection(request)
        self._refuse_others(request, collection.owner)
        asked = await request.json()
        item = Item(asked["item"]["id"], asked["item"]["type"], asked.get("note"))
        if any((one.id, one.type) == (item.id, item.type) for one in collection.items):
            raise Refusal(409, None, "Item already exists in collection")
        if item.type == "model" and item.id not in self.hub.repos:
            raise Refusal(404, None, f"model {item.id} was not found")
        collection.items.append(item)
        return JSONResponse(collection.told())

    def _collection(self, request: Request) -> Collection:
        collection = self.hub.collections.get("{owner}/{slug}".format(**request.path_params))
        if collection is None or not self._sees(request, collection):
            raise Refusal(404, None, "Collection not found")
        return collection

    def _sees(self, request: Request, collection: Collection) -> bool:
        user, owner = self.user(request), collection.owner
        is_inside = user == owner or user in self.hub.orgs.get(owner, {})
        allow = self.rights(request).allow
        return not collection.private or (
            is_inside and (allow("collection.read", owner) or allow("collection.write", owner))
        )

    def _refuse_others(self, request: Request, namespace: str) -> None:
        if not self.owns(request, namespace, "collection.write"):
            raise Refusal(403, None, "You don't have the rights to manage collections under this namespace")


def routes(hub: TestHub) -> list[Route]:
    """Return the routes of collections."""
    answer = CollectionRoutes(hub)
    return [
        Route("/api/collections", answer.list),
        Route("/api/collections", answer.make, methods=["POST"]),
        Route("/api/collections/{owner}/{slug}", answer.tell),
        Route("/api/collections/{owner}/{slug}/items", answer.add, methods=["POST"]),
    ]
