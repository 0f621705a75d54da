"""What a load did, and what may be wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from barhouse.coordinator.cli.sentences.words import listed
from barhouse.store.hints import Option, spelled
from barhouse.store.model.words import agreeing, counted

if TYPE_CHECKING:
    from barhouse.store.model.reports import LoadReport


def loaded(report: LoadReport) -> str:
    """Say what a load did, then each reason for which rows were rejected."""
    into = f"{listed(report.symbols, 'symbols')} {report.interval}" if report.symbols else report.interval
    head = f"{report.source}: {_rows(report)} into {into}: "
    if report.inserted or report.revised or report.deleted:
        head += f"{report.inserted:,} new, {report.revised:,} revised, {report.unchanged:,} unchanged, "
    else:
        head += f"nothing was new, {report.unchanged:,} unchanged, "
    head += f"{report.rejected:,} rejected"
    if report.deleted:
        head += f", {report.deleted:,} deleted"
    lines = [head + "".join(f"; {count:,} {what}" for count, what in _besides(report) if count)]
    if report.lacking:
        have, are = agreeing(report.lacking, "bar is", "bars are"), agreeing(report.lacking, "it is", "they are")
        lines.append(
            f"  {report.lacking:,} {have} not known to have all trades, and {are} incomplete; where none is missing, "
            f"say {spelled(str(Option('whole', True)))}"
        )
    if report.named:
        lines.append(f"  its own column names {report.named}: taken for {listed(report.symbols, 'symbols')}, as said")
    if report.ignored:
        lines.append(f"  ignored: {', '.join(report.ignored)}")
    for reject in report.rejects:
        first = f"row {reject.first_row}" if reject.first_row is not None else "line"
        lines.append(f"  {reject.count:,} rejected: {reject.reason}; first {first}: {reject.first_given}")
    if report.conflicts:
        say = agreeing(report.conflicts, "row says", "rows say")
        lines.append(
            f"  {report.conflicts:,} {say} otherwise than a vendor of greater priority, whose bars stay: "
            f'barhouse sql "FROM conflicts"'
        )
    if report.rejected:
        lines.append(f'  all of them: barhouse sql "FROM rejected WHERE batch_id = {report.batch_id}"')
    return "\n".join(lines)


def _rows(report: LoadReport) -> str:
    """Say what came: rows, or trades and the bars that were built from them."""
    if not report.trades:
        return counted(report.rows, "row")
    return f"{counted(report.trades, 'trade')} in {counted(report.rows - report.rejected, 'bar')}"


def _besides(report: LoadReport) -> tuple[tuple[int, str], ...]:
    """What else is to be said of rows, each with how many they are."""
    return (
        (report.outside, "outside sessions"),
        (report.empty, "without any value, left out"),
        (report.widened, "with high or low widened by rounding"),
        (report.vwap_left_out, "with a vwap outside of low and high, left out"),
        (report.tolerated, "within tolerance of what is there"),
    )


def otherwise(report: LoadReport) -> str:
    """Name the presets that would have read a text otherwise; nothing where there are none."""
    if not report.presets:
        return ""
    said = " or ".join(spelled(str(Option("preset", name))) for name in report.presets)
    return f"hint: {report.source} looks like {' or '.join(report.presets)}, read otherwise with {said}"


def together(report: LoadReport) -> str:
    """Say what was taken for one symbol and may be several; nothing where there is no such thing."""
    lines = []
    for column in report.instruments:
        way = spelled(str(Option("columns", {"symbol": column})))
        lines.append(
            f"hint: {report.source} has several instruments in its column {column}, one after the other, taken for one "
            f"symbol; where none took the place of another, as contracts do, name them apart with {way}"
        )
    if report.apart is not None:
        lines.append(
            f"hint: the files of {report.source} are named as those of several symbols, and were taken for one; where "
            f"they are, load {report.apart}"
        )
    return "\n".join(lines)


def outside(report: LoadReport) -> str:
    """Say what may be wrong where most rows taken lie outside sessions; nothing otherwise."""
    taken = report.rows - report.rejected
    if report.outside * 2 <= taken:
        return ""
    lie, stay = agreeing(report.outside, "lies", "lie"), agreeing(report.outside, "stays", "stay")
    return (
        f"hint: {report.outside:,} of {counted(taken, 'row')} ({report.outside / taken:.0%}) {lie} outside sessions "
        f"and {stay} out of derived bars; unless that is meant, check --timezone, "
        f"--timestamp-format (day and month may be swapped), --label and the symbol's calendar"
    )
