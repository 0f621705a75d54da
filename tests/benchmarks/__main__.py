"""``make bench``: takes the figures, prints the table, saves the JSON."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console

from tests.benchmarks import prepare, report
from tests.benchmarks.harness import Line, Row, Run, Sizes, in_child, take
from tests.benchmarks.paths import ROWS

_SESSIONS = 50
_DOCS = Path(__file__).parents[2] / "docs"


def chosen(only: str | None) -> list[Row]:
    """Pick rows by name, or by the beginning of it."""
    if only is None:
        return list(ROWS)
    wanted = [one.strip() for one in only.split(",") if one.strip()]
    found = [row for row in ROWS if any(row.name == one or row.name.startswith(f"{one}-") for one in wanted)]
    for one in wanted:
        if not any(row.name == one or row.name.startswith(f"{one}-") for row in ROWS):
            raise click.BadParameter(f"no row is named {one!r}; there are {', '.join(row.name for row in ROWS)}")
    return found


def prepare_for(row: Row, sizes: Sizes, cache: Path, console: Console) -> str | None:
    """Make what a row starts from; says what went wrong."""
    waiting = list(row.needs)
    while waiting:
        name = waiting.pop()
        if prepare.place(Run(sizes, cache, cache), name).exists():
            continue
        missing = [
            one for one in prepare.made_from(name, sizes) if not prepare.place(Run(sizes, cache, cache), one).exists()
        ]
        if missing:
            waiting += [name, *missing]
            continue
        console.print(f"making {name}", style="dim")
        error = in_child("prepare", name, sizes=sizes, cache=cache)["error"]
        if error is not None:
            return f"{name} cannot be made: {error}"
    return None


@click.command()
@click.option("--only", metavar="NAMES", help="Only rows with these names, or names that begin so; comma separated.")
@click.option("--scale", default=1.0, show_default=True, help="10 also takes the rows with ten times the history.")
@click.option("--repeat", default=5, show_default=True, help="Turns for each contender.")
@click.option("--quick", is_flag=True, help="A tenth of the data, three turns: to try it.")
@click.option("--cache", type=click.Path(path_type=Path), help="Keep prepared files here; else they go when it ends.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Save the figures here.")
@click.option(
    "--report",
    "write_report",
    is_flag=True,
    help="Save them to docs/benchmarks.json, and fill the page; with --only, beside the others there.",
)
@click.option("--list", "list_rows", is_flag=True, help="Show the names of the rows.")
def main(
    only: str | None,
    scale: float,
    repeat: int,
    quick: bool,
    cache: Path | None,
    json_file: Path | None,
    write_report: bool,
    list_rows: bool,
) -> None:
    """Measure Barhouse beside its peers, on the same data, turn by turn."""
    if list_rows:
        for row in ROWS:
            click.echo(f"{row.name:20}{row.title}{'  (--scale 10)' if row.long else ''}")
        return
    sessions = _SESSIONS // 10 if quick else _SESSIONS
    if scale < 1:
        sessions, scale = max(1, round(sessions * scale)), 1.0
    sizes = Sizes(sessions=sessions, long_sessions=round(sessions * scale) if scale > 1 else 0)
    repeat = min(repeat, 3) if quick else repeat
    progress, console = Console(stderr=True), Console(width=160)
    lines = []
    rows = chosen(only)
    with ExitStack() as stack:
        folder = cache or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        folder.mkdir(parents=True, exist_ok=True)
        for row in rows:
            lines.append(measured(row, sizes, folder.resolve(), repeat, progress))
            saved = {
                "about": report.circumstances(asdict(sizes), repeat),
                "lines": [line.as_json() for line in lines],
            }
            if json_file is not None:  # after every row: a run that is stopped keeps what it has
                report.write_json(json_file, saved)
    report.show(saved, console)
    if write_report:
        record = _DOCS / "benchmarks.json"
        before = report.read_json(record) if record.exists() and only is not None else None
        report.write_json(record, report.renewed(before, saved, [row.name for row in ROWS]))
        fill_page()
    if any(not taken.same for line in lines for taken in line.taken.values()):
        raise click.ClickException("some results differ: see the table")


def measured(row: Row, sizes: Sizes, cache: Path, repeat: int, console: Console) -> Line:
    """Take one row, if it can be had."""
    if row.long and not sizes.long_sessions:
        return Line(row, {}, 0, skipped="needs --scale 10")
    failed = prepare_for(row, sizes, cache, console)
    if failed is not None:
        return Line(row, {}, 0, skipped=failed)
    return take(row, sizes, cache, repeat, lambda text: console.print(text, style="dim"))


def fill_page() -> None:
    """Write the figures of docs/benchmarks.json into docs/benchmarks.md."""
    path = _DOCS / "benchmarks.md"
    filled = report.page(report.read_json(_DOCS / "benchmarks.json"), path.read_text(encoding="utf-8"))
    path.write_text(filled, encoding="utf-8")


if __name__ == "__main__":
    main()
