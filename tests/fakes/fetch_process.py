"""A process that fetches `owner/name`, to be killed: it is told the Hub and the cache by its environment."""

import sys

from mlxkit.core.fetching import choose
from mlxkit.engines.hub import api, cache, download, read


def main() -> None:
    hub = read()
    repository = api.resolve(hub, "owner/name")
    plan = cache.plan(hub, repository, choose(repository.files, api.weight_map(hub, repository)))
    done = download.fetch(hub, plan)
    sys.stdout.write(f"{done.fetched_bytes} {done.reused_bytes}\n")


if __name__ == "__main__":
    main()
