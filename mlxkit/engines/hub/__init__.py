"""The Hugging Face Hub and its cache: what is there, what is here, and bringing it over whatever the network does.

The one door to huggingface_hub. How a checkpoint is fetched, with the part that does each step:

    settings.read()                how the Hub is set up; every call below takes it
    cache.find(hub, name, rev)     a whole checkpoint that is here already; makes no request
    api.resolve(hub, name, rev)    the commit, asked once, and its files
    api.weight_map(...)            which shards are the weights; then core.fetching.choose
    cache.plan(...)                what is here and what is to be fetched; writes nothing
    download.fetch(hub, plan)      the files in the cache, each checked by its digest
    headers.read_headers(...)      the tensors of a remote checkpoint, without its weights
    holdings.scan(hub)             what is on this disk, what removing it frees, what was left incomplete
    holdings.copy(folder, to)      a snapshot as plain files

Put together from these, for the use-cases: `asked` (a name to a plan, or to an outline of headers), `present` (what is
here as a plan, hashed again without the network), `matching` (a name or the beginning of a commit to snapshots) and
`underway` (whether a partial file is being fetched by someone).

Only the settings are imported here: the other parts load the library, and `doctor` tells when that cannot be.
"""

from mlxkit.engines.hub.settings import Hub, read

__all__ = ["Hub", "read"]
