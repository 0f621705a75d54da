"""The commands about clusters: jobs over many stores, and the lake that shows them as one."""

from __future__ import annotations

from pathlib import Path

import click

from barhouse.coordinator.cli.command import Commands, Settings, command, epilog
from barhouse.coordinator.cli.errors import ExitCode
from barhouse.coordinator.cli.options import data_options, dry_run_option, json_option
from barhouse.coordinator.cli.output import reports, tables
from barhouse.coordinator.cli.progress import progress_bar
from barhouse.coordinator.cli.sentences.cluster import checked, cleaned, compacted

_JOB = click.argument("job", type=click.Path(dir_okay=False, path_type=Path), metavar="JOB.toml")


@click.group("cluster", cls=Commands, epilog=epilog("barhouse cluster status job.toml"))
def cluster() -> None:
    """Look after the shards of a job with [cluster], and their lake."""


@command("status", example="barhouse cluster status job.toml")
@_JOB
@data_options
def status(job: Path, form: str, output: Path | None) -> None:
    """Show the shards: the symbols each holds, and the store's file that counts."""
    from barhouse.coordinator.cluster.shard_edit import cluster_of
    from barhouse.coordinator.cluster.shard_plan import places_of
    from barhouse.coordinator.jobs.config import read_config
    from barhouse.store.lake.lake import Lake

    tables.check(form, output)
    config = read_config(job)
    with Lake(places_of(config, cluster_of(config)).address) as lake:
        tables.write(lake.shard_table(), form, output, every_row=True)


@command("verify", example="barhouse cluster verify job.toml")
@_JOB
@json_option
@click.pass_context
def verify(ctx: click.Context, job: Path, *, as_json: bool) -> None:
    """Prove that files of stores are those published, verify, and have the lake's rows.

    Nothing is changed. What differs is named by shard, and the exit code is 6.
    """
    from barhouse.coordinator.cluster.cluster_check import verify_cluster

    settings: Settings = ctx.obj
    with progress_bar(settings, "verifying", "shards") as progress:
        report = verify_cluster(job, progress=progress and (lambda _, done, total: progress(done, total)))
    reports.put(report, checked(report), as_json=as_json)
    ctx.exit(ExitCode.OK if report.sound else ExitCode.DIFFERENCES)


@command("split", example="barhouse cluster split job.toml 3 --at MSFT")
@_JOB
@click.argument("shard", type=click.IntRange(min=1))
@click.option("--at", metavar="SYMBOL", required=True, help="The first symbol of the new shard.")
def split(job: Path, shard: int, at: str) -> None:
    """Divide a shard in two, with its history; what the lake shows stays as it is.

    There is no way back. A run of the shard that goes on meanwhile is told that it came second.
    """
    from barhouse.coordinator.cluster.shard_split import split_shard

    old, new = split_shard(job, shard, at)
    reports.say(f"shard {old} holds the symbols before {at} now, and shard {new} those from it on")


@command("compact", example="barhouse cluster compact job.toml")
@_JOB
@json_option
def compact(job: Path, *, as_json: bool) -> None:
    """Write the lake's small files together, and those anew of which much is gone.

    What it shows stays as it is. Old files are removed a week later.
    """
    from barhouse.coordinator.cluster.cluster_care import compact_lake

    report = compact_lake(job)
    reports.put(report, compacted(report), as_json=as_json)


@command("clean", example="barhouse cluster clean job.toml --dry-run")
@_JOB
@click.option(
    "--keep",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    metavar="COUNT",
    help="Of each shard's files, how many to have.",
)
@click.option(
    "--older-than-hours",
    type=click.IntRange(min=1),
    default=168,
    show_default=True,
    help="Younger files stay.",
)
@dry_run_option
@json_option
def clean(job: Path, *, keep: int, older_than_hours: int, dry_run: bool, as_json: bool) -> None:
    """Remove what was put and never published, and stores that others took the place of.

    A run may be about to publish what is younger than --older-than-hours, so that stays.
    """
    from barhouse.coordinator.cluster.cluster_care import clean_cluster

    report = clean_cluster(job, keep=keep, older_than_hours=older_than_hours, dry_run=dry_run)
    reports.put(report, cleaned(report, dry_run=dry_run), as_json=as_json)


for _command in (status, verify, split, compact, clean):
    cluster.add_command(_command)
COMMANDS = (cluster,)
