"""A child process that runs a job, to be killed at any moment; says "ready", then its report as JSON."""

from __future__ import annotations

import sys

from barhouse import run_job
from barhouse.coordinator.jobs import job_run

#: Small groups: more transactions to be killed in, and between.
FILES_TOGETHER = 40


def main(path: str, store: str) -> None:
    """Run the job on a store."""
    job_run.GROUP_FILES = FILES_TOGETHER
    print("ready", flush=True)
    print(run_job(path, store=store).model_dump_json(), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
