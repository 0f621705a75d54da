"""What was measured, for people: a table on the terminal, and a page made of the saved JSON."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

_PACKAGES = ("barhouse", "duckdb", "pyarrow", "polars", "pandas", "arcticdb", "chdb")
_MARKS = {True: "yes", False: "NO", None: ""}


def circumstances(sizes: dict[str, Any], repeats: int) -> dict[str, Any]:
    """Where, when and with what it was measured; the machine by what it has, not by its name."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "cores": os.cpu_count(),
        "memory_gb": round(_memory_bytes() / 1e9, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in _PACKAGES},
        "sizes": sizes,
        "repeats": repeats,
    }


def _memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def show(saved: dict[str, Any], console: Console) -> None:
    """Print the table."""
    table = Table(title=described(saved), show_lines=False, title_justify="left", header_style="bold")
    columns = ("path", "by", "median", "CPU s", "bars/s", "peak MB", "turns", "barhouse takes", "at most", "reached")
    for number, name in enumerate(columns):
        left, width = ("left", 34 if number == 0 else None) if number < 2 else ("right", None)
        table.add_column(name, justify=left, no_wrap=number != 0, width=width)
    for line in saved["lines"]:
        for cells in _cells(line):
            table.add_row(*cells)
        table.add_section()
    console.print(table)
    for note in _notes(saved):
        console.print(note, markup=False, highlight=False)


def described(saved: dict[str, Any]) -> str:
    """Say under what circumstances it was measured, in a line."""
    about, sizes = saved["about"], saved["about"]["sizes"]
    long = f" (long: {sizes['long_sessions']})" if sizes["long_sessions"] else ""
    return (
        f"{sizes['symbols']} symbols x {sizes['sessions']} sessions{long}; {about['cores']} cores, "
        f"{about['memory_gb']} GB, {about['system']}; {about['date']}"
    )


def _cells(line: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """Lay a line out: a row for each contender, ours first."""
    if line["skipped"]:
        yield (line["title"], line["ours"], "not taken", *[""] * 7)
        return
    for number, (name, one) in enumerate(line["contenders"].items()):
        mine = name == line["ours"]
        bound = line["bounds"].get(name)
        at_most = f"{bound:g} x" if bound is not None else ""
        if mine and line["limit"] is not None:
            at_most = _amount(line["limit"], line["unit"])
        said = "failed" if one["error"] else "" if one["same_result"] else "differs"
        yield (
            line["title"] if number == 0 else "",
            name,
            said or _amount(one["value"], line["unit"]),
            "" if one["cpu_seconds"] is None else f"{one['cpu_seconds']:.2f}",
            "" if one["bars_per_second"] is None else f"{one['bars_per_second']:,.0f}",
            f"{one['peak_mb']:,.0f}" if one["peak_mb"] else "",
            str(one["turns"]),
            "" if one["ratio"] is None else f"{one['ratio']:.2f} x",
            at_most,
            _MARKS[line["reached"]] if mine else _kept(one["ratio"], bound),
        )


def _notes(saved: dict[str, Any]) -> Iterator[str]:
    """Say why there is no figure where there is none."""
    for line in saved["lines"]:
        if line["skipped"]:
            yield f"{line['title']}: not taken: {line['skipped']}"
        for name, one in line["contenders"].items():
            if one["error"]:
                yield f"{line['title']}: {name} failed: {one['error']}"
            elif not one["same_result"]:
                yield f"{line['title']}: {name} differs: another result than barhouse's, so its time does not count"


def _kept(ratio: float | None, bound: float | None) -> str:
    return "" if ratio is None or bound is None else _MARKS[ratio <= bound]


def _amount(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    digits = 0 if value >= 1000 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f} {unit}"


def write_json(path: Path, saved: dict[str, Any]) -> None:
    """Save it."""
    path.write_text(json.dumps(saved, indent=1) + "\n", encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """Read what was saved."""
    saved: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return saved


def renewed(before: dict[str, Any] | None, saved: dict[str, Any], order: list[str]) -> dict[str, Any]:
    """Put rows taken anew in the place of those on record, if these are of the same machine, versions and sizes."""
    same = set(saved["about"]) - {"date", "repeats"}  # how many turns each had is said line by line
    if before is None or any(before["about"].get(name) != saved["about"][name] for name in same):
        return saved
    lines = {line["name"]: line for line in [*before["lines"], *saved["lines"]]}
    return {"about": saved["about"], "lines": [lines[name] for name in order if name in lines]}


def page(saved: dict[str, Any], template: str) -> str:
    """Fill the page: what stands between its two marks is made of the figures."""
    head, rest = template.split(_BEGIN)
    _, tail = rest.split(_END)
    return head + _BEGIN + "\n\n" + "\n".join(_markdown(saved)) + "\n\n" + _END + tail


_BEGIN, _END = "<!-- figures -->", "<!-- end of figures -->"


def _markdown(saved: dict[str, Any]) -> Iterable[str]:
    about = saved["about"]
    yield (
        f"{described(saved)}. Python {about['python']}; "
        + ", ".join(
            f"{name} {number}" if number else f"{name} not installed" for name, number in about["versions"].items()
        )
        + f". Medians of {about['repeats']} turns, or of as many as the table says."
    )
    yield ""
    judged = [line["reached"] for line in saved["lines"] if line["reached"] is not None]
    yield f"{sum(judged)} of {len(judged)} bounds are kept."
    yield ""
    yield "| path | by | median | CPU s | bars/s | peak MB | turns | barhouse takes | at most | reached |"
    yield "|---|---|--:|--:|--:|--:|--:|--:|--:|---|"
    for line in saved["lines"]:
        for cells in _cells(line):
            yield "| " + " | ".join(cells) + " |"
    yield ""
    yield from (f"- {note}" for note in _notes(saved))
