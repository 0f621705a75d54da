"""What runs shards: something that calls one function for each at least once, and may call it twice, or be killed.

An engine hands tasks over as texts, so that nothing but this package must be alike on the machines it uses.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from barhouse.coordinator.cluster.shard_run import run_shard
from barhouse.coordinator.cluster.shard_task import ShardResult, ShardTask
from barhouse.coordinator.jobs.cluster_config import ClusterConfig
from barhouse.store.errors import BarhouseError, ClusterError

log = logging.getLogger("barhouse.cluster")

#: How often a shard is run whose process, or machine, is killed each time.
TRIES = 5

Engine = Callable[[ClusterConfig, Sequence[ShardTask]], Iterator[ShardResult]]


def run_text(task: str) -> str:
    """Run a shard of which a text tells, and tell what came of it: what is wrong with it, too, in words."""
    given = ShardTask.model_validate_json(task)
    try:
        return run_shard(given).model_dump_json()
    except BarhouseError as error:
        raise ClusterError(f"shard {given.shard}: {error}") from None


def on_this_machine(config: ClusterConfig, tasks: Sequence[ShardTask]) -> Iterator[ShardResult]:
    """Run shards in processes of this machine; one that is killed is replaced, and its shard run again."""
    from concurrent.futures import FIRST_COMPLETED, Future, wait
    from multiprocessing import get_context

    from pebble import ProcessExpired, ProcessPool

    workers = min(config.workers or os.cpu_count() or 1, len(tasks))
    with ProcessPool(max_workers=workers, context=get_context("spawn")) as pool:
        running: dict[Future[Any], tuple[ShardTask, int]] = {
            pool.schedule(run_text, args=[task.model_dump_json()]): (task, 1) for task in tasks
        }
        try:
            while running:
                for done in wait(running, return_when=FIRST_COMPLETED).done:
                    task, tries = running.pop(done)
                    try:
                        yield ShardResult.model_validate_json(done.result())
                    except ProcessExpired as error:
                        if tries == TRIES:
                            raise _expired(task, error.exitcode) from error
                        log.warning(
                            "the process of shard %d ended with %s; it is run again", task.shard, error.exitcode
                        )
                        running[pool.schedule(run_text, args=[task.model_dump_json()])] = (task, tries + 1)
        except BaseException:
            _stop(pool)
            raise


def _stop(pool: Any) -> None:
    """End the processes of a pool, whose types say nothing of it."""
    pool.stop()


def on_dask(config: ClusterConfig, tasks: Sequence[ShardTask]) -> Iterator[ShardResult]:
    """Run shards on the workers of a Dask cluster, which runs those again whose workers are gone."""
    try:
        import distributed
    except ImportError as error:
        raise ClusterError("engine = 'dask' needs the package distributed; pip install 'barhouse[dask]'") from error
    dask: Any = distributed  # its types say little
    try:
        client = dask.Client(config.address, timeout="30s", set_as_default=False)
    except OSError as error:
        raise ClusterError(f"there is no Dask scheduler at {config.address}; start one, or name another") from error
    with client:
        # Whatever ran before under the same name may have been another night's.
        futures = {
            client.submit(run_text, task.model_dump_json(), pure=False, retries=TRIES - 1): task for task in tasks
        }
        for done in dask.as_completed(futures, loop=client.loop):
            try:
                yield ShardResult.model_validate_json(done.result())
            except dask.KilledWorker as error:
                raise _expired(futures[done], error) from error


def _expired(task: ShardTask, why: object) -> ClusterError:
    return ClusterError(
        f"shard {task.shard} was run {TRIES} times, and its process was killed each time ({why}); nothing was "
        f"published; see that the machine has memory and room for it, and run again"
    )


ENGINES: dict[str, Engine] = {"local": on_this_machine, "dask": on_dask}
