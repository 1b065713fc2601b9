"""A campaign on many machines, through Dask's distributed scheduler.

Every worker needs irq13 of the same sources. A worker that dies has its shards run again by others; a shard
counts once, whoever ran it and however often.
"""

from collections.abc import Iterator
from typing import Any

from ..lanes.cache import fingerprint
from ..support.errors import ToolError
from .campaign import CampaignResult, run_shard

RETRIES = 3
"""How often a shard is tried again that fails by an exception; a worker's death does not count."""
AHEAD = 3
"""Shards that wait for each thread of a worker, so that none is idle."""


def over_dask(result: CampaignResult, address: str, engine: str = "auto") -> Iterator[dict[str, Any]]:
    """The missing shards, in the order in which they are done, as `run_shard` gives them.

    Parameters
    ----------
    result : CampaignResult
        What has been done already.
    address : str
        Of the scheduler, as of `distributed.Client`.
    engine : str
        One of `lanes.ENGINES`, on each worker.

    Raises
    ------
    ToolError
        If Dask is not installed, there is no scheduler at the address, it has no worker, or its workers have
        another irq13.
    """
    try:
        from distributed import Client, as_completed  # type: ignore[import-not-found]
    except ModuleNotFoundError as error:
        raise ToolError("Dask is not installed: pip install 'irq13[cluster]'") from error
    try:
        client = Client(address, timeout="10s", set_as_default=False)
    except (OSError, ValueError) as error:
        raise ToolError(f"no Dask scheduler at {address} ({error})") from None
    with client:
        _check(client, address)
        threads = sum(dict(client.nthreads()).values())  # type: ignore[arg-type]
        left = iter(result.missing)
        pending = as_completed([], loop=client.loop)

        def submit(count: int) -> None:
            for shard, _ in zip(left, range(count), strict=False):
                key = f"irq13-{fingerprint()[:8]}-{result.plan.seed}-{shard}"
                pending.add(
                    client.submit(
                        run_shard, result.plan, shard, engine, 1, key=key, retries=RETRIES, pure=True
                    )
                )

        submit(AHEAD * threads)
        for future in pending:
            yield future.result()
            submit(1)


def _check(client: Any, address: str) -> None:
    """Workers are there, and have the same sources."""
    workers: Any = client.run(fingerprint)
    if not workers:
        raise ToolError(f"{address}: the scheduler has no workers")
    for worker, theirs in workers.items():
        if theirs != fingerprint():
            raise ToolError(f"{worker}: the worker has another version of irq13")
