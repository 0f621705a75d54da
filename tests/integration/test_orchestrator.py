"""A job inside a real orchestrator: Dagster, in its own environment (`pip install barhouse[orchestrator]`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import job_kit
import pytest
from job_kit import fill, job_file

from barhouse import open_store, run_job
from barhouse.store.errors import JobError

dagster = pytest.importorskip("dagster", reason="the extra 'orchestrator' is not installed; .ci/run has it")

MONDAY, TUESDAY = job_kit.sessions(2)


class Nightly(dagster.Config):
    """Which job to run."""

    job: str


# Without annotations: they are texts here, and Dagster reads them.
def nightly(context: Any, config: Any) -> Any:
    """One call makes the asset; what it came to is the asset's metadata."""
    report = run_job(config.job)
    context.log.info(report.outcome)
    report.check()
    return dagster.MaterializeResult(metadata={"bars": report.rows.inserted, "files": report.files_loaded})


nightly.__annotations__ = {"context": dagster.AssetExecutionContext, "config": Nightly}
bars = dagster.asset(nightly)


def materialized(job: Path) -> Any:
    return dagster.materialize(
        [bars],
        run_config=dagster.RunConfig(ops={"nightly": Nightly(job=str(job))}),
        instance=dagster.DagsterInstance.ephemeral(),
        raise_on_error=False,
    )


def test_a_job_is_an_asset_of_dagster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_DISABLE_TELEMETRY", "1")
    fill(tmp_path / "bars", ["AAA", "BBB"], [MONDAY])
    job = job_file(tmp_path)

    def metadata(result: Any) -> dict[str, Any]:
        (event,) = result.get_asset_materialization_events()
        return {key: value.value for key, value in event.materialization.metadata.items()}

    first = materialized(job)
    assert first.success
    assert metadata(first)["files"] == 2 and metadata(first)["bars"] > 100
    again = materialized(job)
    assert again.success and metadata(again) == {"bars": 0, "files": 0}

    (tmp_path / "bars" / f"CCC_{TUESDAY}.parquet").write_bytes(b"no")
    failed = materialized(job)
    assert not failed.success
    (step,) = [event for event in failed.all_events if event.is_step_failure]
    assert JobError.__name__ in step.event_specific_data.error.to_string()
    with open_store(tmp_path / "bars.duckdb", read_only=True) as store:
        assert store.verify().sound
        assert [one.state for one in store.runs()] == ["done", "done", "done"]
