"""What was understood of a source, and the command that loads it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from barhouse.coordinator.cli.sentences.words import listed
from barhouse.store.hints import Option, spelled
from barhouse.store.model.interval import Interval
from barhouse.store.model.words import agreeing, counted

if TYPE_CHECKING:
    from barhouse.coordinator.inspection.report import InspectedBar, Inspection

_SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_PRICES = ("open", "high", "low", "close", "volume")


def inspected(report: Inspection, paths: Sequence[str]) -> str:
    """Say what was understood, each thing on a line of its own, and then what loads it."""
    lines = [f"{report.source}: {_container(report)}"]
    said = [*_presets(report)]
    if report.problem is None:
        said += [*_understood(report)]
        said += [("first bars" if number == 0 else "", _bar(bar)) for number, bar in enumerate(report.bars)]
        said += [(f"rejected {one.count:,}", f"{one.reason}; first: {one.first_given}") for one in report.rejects]
        said.append(("load with" if not report.missing else "to load, say", _command(report, paths)))
    else:
        said += [("columns", ", ".join(report.columns))] if report.columns else []
        said.append(("not read", report.problem))
    width = max(len(name) for name, _ in said)
    return "\n".join([*lines, *(f"  {name:<{width}}  {text}" for name, text in said)])


def _container(report: Inspection) -> str:
    parts = [
        {"csv": "text", "parquet": "Parquet", "arrow": "Arrow", "json": "JSON", "dbn": "DBN"}.get(
            report.format, report.format
        )
    ]
    parts += [text for text in (report.packed, report.encoding) if text]
    if report.separator:
        parts.append(f"separated by {_SEPARATORS.get(report.separator, report.separator)}")
    parts.append(f"{counted(len(report.columns), 'column')}, {counted(report.row_count, 'row')} looked at")
    return ", ".join(parts)


def _presets(report: Inspection) -> Iterator[tuple[str, str]]:
    fits = agreeing(len(report.presets), "fits", "fit")
    if report.preset is not None:
        alone = "; it fits the first lines" if report.presets == (report.preset,) else ""
        yield "preset", f"{report.preset}{alone}"
    if report.presets and report.presets != (report.preset,):
        yield "presets", f"{' and '.join(report.presets)} {fits} the first lines"


def _understood(report: Inspection) -> Iterator[tuple[str, str]]:
    for part, column in report.parts.items():
        if column is not None:
            yield part, f"{column}{_stamps(report) if part == 'bar_start' else ''}"
    if report.unused:
        yield "not used", ", ".join(report.unused)
    yield "symbols", listed(report.symbols, "symbols") if report.symbols else "no column names them"
    for column in report.instruments:
        way = spelled(str(Option("columns", {"symbol": column})))
        yield "instruments", f"several in {column}, taken for one symbol; they are told apart with {way}"
    yield "interval", _interval(report)
    of_sessions = report.interval is not None and not Interval.parse(report.interval).intraday
    if of_sessions and any(bar.bar_start for bar in report.bars):
        yield "sessions", "those that open at the stamps, by the calendar of the symbol"


def _stamps(report: Inspection) -> str:
    """How stamps are written and which zone they are in; numbers count from 1970 in UTC, and dates need none."""
    zone = ", each with its zone"
    if report.naive:
        zone = f" in {report.timezone}" if report.timezone else ""
    if report.naive and not report.timezone and any(bar.bar_start for bar in report.bars):
        zone = " without a zone"
    if (report.stamps or "").startswith("epoch_"):
        zone = ""
    return f", {report.stamps}{zone}, the {report.label} of a bar"


def _interval(report: Inspection) -> str:
    if report.interval is None:
        return f"too few bars to tell, or of several lengths; say {spelled(str(Option('interval')))}"
    return (
        report.interval if report.regular else f"{report.interval} at most: too few bars, or too many gaps, to be sure"
    )


def _bar(bar: InspectedBar) -> str:
    start = f"{bar.bar_start:%Y-%m-%d %H:%M:%SZ}" if bar.bar_start is not None else str(bar.session_date)
    values = [f"{name} {getattr(bar, name):.15g}" for name in _PRICES]
    values += [f"trades {bar.trade_count}"] if bar.trade_count is not None else []
    values += [f"vwap {bar.vwap:.15g}"] if bar.vwap is not None else []
    return " ".join([*filter(None, (bar.symbol,)), start, *values])


def _command(report: Inspection, paths: Sequence[str]) -> str:
    said = {name: name.upper() for name in report.missing} | report.options
    ordered = {name: said[name] for name in ("symbol", "interval") if name in said} | said
    options = (spelled(str(Option(name, value))) for name, value in ordered.items())
    return " ".join(["barhouse load", *map(shlex.quote, paths), *options])
