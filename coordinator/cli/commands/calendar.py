"""The commands about trading calendars, those of exchanges and those of one's own."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from barhouse.coordinator.cli.command import Commands, Settings, command, confirm, epilog
from barhouse.coordinator.cli.options import data_options, dry_run_option, json_option, session_range, split, yes_option
from barhouse.coordinator.cli.output import reports, tables
from barhouse.coordinator.cli.renames import RenamedOption
from barhouse.coordinator.cli.sentences.calendar import calendar_changed, described, known_wrong, redefined
from barhouse.coordinator.cli.store_access import opened as opened_store

if TYPE_CHECKING:
    import pyarrow as pa

    from barhouse.store.calendars.definition import CalendarDefinition
    from barhouse.store.model.reports import CalendarReport
    from barhouse.store.session_store import SessionStore


@click.group("calendar", cls=Commands, epilog=epilog("barhouse calendar list"))
def calendar() -> None:
    """Show trading calendars, and add your own."""


def _early_closes(ctx: click.Context, parameter: click.Parameter, given: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in given:
        day, equals, clock = text.partition("=")
        if not equals:
            raise click.BadParameter(f"{text!r} is not DATE=TIME, such as 2024-12-24=13:00")
        if day.strip() in found:
            raise click.BadParameter(f"{day.strip()} is named twice; say each day once")
        found[day.strip()] = clock.strip()
    return found


@command(
    "add",
    example="barhouse calendar add FX --timezone America/New_York --open 17:00 --close 17:00 --holiday 2024-12-25",
)
@click.argument("name", required=False)
@click.option("--timezone", metavar="ZONE", help="The zone of all its times, such as America/New_York.")
@click.option("--open", metavar="TIME", help="When a session opens, such as 09:30.")
@click.option("--close", metavar="TIME", help="When it closes; on the next day unless later than the open.")
@click.option("--break", "break_", multiple=True, callback=split, metavar="TIME-TIME", help="A break. Repeatable.")
@click.option(
    "--weekdays",
    default="mon-fri",
    show_default=True,
    metavar="DAYS",
    help="The days sessions close on: sun-thu, mon,wed,fri or daily.",
)
@click.option(
    "--holiday", "holidays", multiple=True, callback=split, metavar="DATE", help="No session that day. Repeatable."
)
@click.option(
    "--early-close",
    "early_closes",
    multiple=True,
    callback=_early_closes,
    metavar="DATE=TIME",
    help="A session that closes early. Repeatable.",
)
@click.option(
    "--week-starts",
    metavar="DAY",
    help="The weekday that weeks start on, such as sun; by default the one after the weekend that --weekdays leave.",
)
@click.option(
    "--file",
    "source",
    cls=RenamedOption,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="PATH",
    help="Take calendars from a TOML file, each a table: the name, then the same options.",
    formerly={"--from": "--file"},
)
@yes_option
@json_option
@click.pass_context
def add(ctx: click.Context, /, name: str | None, source: Path | None, yes: bool, as_json: bool, **hours: Any) -> None:
    """Add a calendar of your own, or change it.

    What would differ is shown and asked about first. Changing one derives again what it touches, and keeps the old
    bars as revisions. A session is named by the day it closes on; weekdays, holidays and early closes name that day.

    \b
    A file that --file takes:
      [FX]
      timezone = "America/New_York"
      open = "17:00"
      close = "17:00"
      break = ["12:00-13:00"]
      weekdays = "mon-fri"
      holidays = ["2024-12-25"]
      early_closes = { 2024-12-24 = "13:00" }
    """
    definitions = _from_options(name, hours) if source is None else _from_file(ctx, source)
    from barhouse.coordinator.session_coordinator import SessionCoordinator

    with opened_store(ctx.obj) as store:
        differing = _differing(store, definitions)
    for changed, differences in differing.items():
        reports.say(f"{changed}: {'; '.join(differences)}")
    if differing:
        confirm(f"Change {' and '.join(differing)}?", yes=yes)  # others may have the store meanwhile
    with opened_store(ctx.obj) as store:
        coordinator = SessionCoordinator(store)
        for definition in definitions:
            report = coordinator.define_calendar(definition)
            reports.put(report, calendar_changed(report), as_json=as_json)


def _differing(store: SessionStore, definitions: list[CalendarDefinition]) -> dict[str, list[str]]:
    """What each calendar that the store has would change in, by its name; without those that stay as they are."""
    kept = {row["calendar"].casefold(): row for row in store.calendars().to_pylist() if row["definition"] is not None}
    found: dict[str, list[str]] = {}
    for definition in definitions:
        before = kept.get(definition.name.casefold())
        if before is not None and (differences := redefined(before["definition"], definition.to_json())):
            found[before["calendar"]] = differences
    return found


def _from_options(name: str | None, hours: dict[str, Any]) -> list[CalendarDefinition]:
    missing = [] if name else ["NAME"]
    missing += [f"--{name}" for name in ("timezone", "open", "close") if not hours[name]]
    if name is None or missing:
        raise click.UsageError(f"say {', '.join(missing)} as well, or name a file with --file")
    from barhouse.store.calendars.definition import CalendarDefinition

    return [CalendarDefinition.parse(name, **hours)]


def _from_file(ctx: click.Context, source: Path) -> list[CalendarDefinition]:
    """Read every calendar of a file, so that a mistake in one is found before any is added."""
    given = [
        parameter
        for parameter in ctx.command.params
        if parameter.name not in ("source", "yes", "as_json")
        and ctx.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
    ]
    if given:
        names = ", ".join(parameter.opts[0] if isinstance(parameter, click.Option) else "NAME" for parameter in given)
        raise click.UsageError(f"--file takes names and hours from the file; leave out {names}")
    from barhouse.store.calendars.definition import CalendarDefinition

    return [CalendarDefinition.from_table(name, table) for name, table in _tables(source).items()]


def _tables(source: Path) -> dict[str, dict[str, Any]]:
    """Read a table for each calendar."""
    from barhouse.store.errors import CalendarError

    try:
        tables = tomllib.loads(source.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CalendarError(f"{source} cannot be read as TOML: {error}") from error
    wrong = [name for name, table in tables.items() if not isinstance(table, dict)]
    if wrong or not tables:
        what = f"{', '.join(wrong)} stands outside of one" if wrong else "it has none"
        raise CalendarError(f"{source}: each calendar is a table that begins with its name, such as [FX]; {what}")
    return tables


@command("set", example="barhouse calendar set XNYS 2024-11-29 --open 09:30 --close 13:00 --yes")
@click.argument("name", required=False)
@click.argument("session_date", metavar="[DATE]", required=False)
@click.option(
    "--open", "opened", metavar="TIME", help="When the session opens, by the clock where the calendar is at home."
)
@click.option("--close", "closed", metavar="TIME", help="When it closes; on the next day unless later than the open.")
@click.option("--break", "break_", multiple=True, callback=split, metavar="TIME-TIME", help="A break. Repeatable.")
@click.option("--no-session", is_flag=True, help="There is no session that day.")
@click.option("--reset", is_flag=True, help="The session is as the calendar says again.")
@click.option("--reason", metavar="TEXT", help="Why, or who says so; kept with it.")
@click.option(
    "--known", is_flag=True, help="Sessions that exchange_calendars is known to have wrong, with their sources."
)
@click.option(
    "--file",
    "source",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="PATH",
    help="Take sessions from a TOML file: a table for each calendar, with a line for each date.",
)
@yes_option
@json_option
@click.pass_obj
def set_(
    settings: Settings,
    name: str | None,
    session_date: str | None,
    *,
    opened: str | None,
    closed: str | None,
    break_: list[str],
    no_session: bool,
    reset: bool,
    reason: str | None,
    known: bool,
    source: Path | None,
    yes: bool,
    as_json: bool,
) -> None:
    """Correct single sessions of a calendar, an exchange's too.

    Adds one, gives it other hours, or takes it away. What would differ is shown and asked about first. What it touches
    is derived again, with the old bars as revisions, and it stays when the calendar is refreshed.

    \b
    A file that --file takes:
      [XBOM]
      2024-11-01 = { open = "18:00", close = "19:00", reason = "Diwali" }
      2024-11-20 = false
    """
    wanted: dict[str, dict[str, Any]]
    single = _single(opened, closed, break_, no_session=no_session, reset=reset, reason=reason)
    if source is not None:
        if name or session_date or known or single is not _NOTHING:
            raise click.UsageError("--file takes calendars, dates and hours from the file; leave out the rest")
        wanted = {one: {"sessions": table} for one, table in _tables(source).items()}
    elif known:
        if name is None or session_date or single is not _NOTHING:
            raise click.UsageError("--known takes NAME alone: the dates are known, too")
        wanted = {name: {"known": True}}
    elif name is None or session_date is None or single is _NOTHING:
        raise click.UsageError(
            "say NAME and DATE with --open and --close, --no-session or --reset; NAME --known; or --file"
        )
    else:
        wanted = {name: {"sessions": {session_date: single}}}
    from barhouse.coordinator.session_coordinator import SessionCoordinator

    with opened_store(settings) as store:
        plans = [SessionCoordinator(store).correct_calendar(one, **what, apply=False) for one, what in wanted.items()]
    for planned in plans:
        for change in planned.changes:
            before, after = change.before or "no session", change.after or "no session"
            reports.say(f"{planned.calendar} {change.session_date}: {after}, was {before}")
    if changed := [planned.calendar for planned in plans if planned.changes]:
        confirm(f"Change {' and '.join(changed)}?", yes=yes)  # others may have the store meanwhile
    with opened_store(settings) as store, store.transaction():
        done = [SessionCoordinator(store).correct_calendar(one, **what) for one, what in wanted.items()]
    for report in done:
        reports.put(report, calendar_changed(report, added=False), as_json=as_json)


#: Nothing was said of a single session; None would mean to reset it.
_NOTHING: Any = object()


def _single(
    opened: str | None, closed: str | None, break_: list[str], *, no_session: bool, reset: bool, reason: str | None
) -> Any:
    """What is said of one session, in the words of ``correct_calendar``."""
    ways = [
        what for what, said in (("--open", opened or closed), ("--no-session", no_session), ("--reset", reset)) if said
    ]
    if not ways and not break_ and not reason:
        return _NOTHING
    if len(ways) != 1 or (ways == ["--open"] and not (opened and closed)):
        raise click.UsageError("say --open and --close, or --no-session, or --reset")
    session: dict[str, Any] = {"open": opened, "close": closed, **({"break": break_} if break_ else {})}
    if no_session:
        session = {"closed": True}
    if reset:
        return None
    return {**session, "reason": reason} if reason else session


@command("list", example="barhouse calendar list")
@data_options
@click.pass_obj
def list_(settings: Settings, form: str, output: Path | None) -> None:
    """Show the calendars the store has.

    It knows the sessions of each from one date through another, and extends them when bars reach further. An
    exchange's calendar comes with the first symbol registered for it.
    """
    tables.check(form, output)
    with opened_store(settings, read_only=True) as store:
        table = store.calendars().drop_columns(["definition"])
    tables.write(table, form, output)


@command("show", example="barhouse calendar show XNYS --start 2020-12-21 --end 2021-01-01")
@click.argument("name")
@session_range
@data_options
@click.pass_obj
def show(settings: Settings, name: str, *, start: str | None, end: str | None, form: str, output: Path | None) -> None:
    """Show the sessions of a calendar, in UTC.

    A session with a break has several segments, one a row.
    """
    tables.check(form, output)
    with opened_store(settings, read_only=True) as store:
        table, kept = store.sessions(name, start, end), _kept(store, name)
        settled = {row["session_date"] for row in store.corrections(name).to_pylist()}
    tables.write(table, form, output)
    if form == "table":
        reports.say(described(kept))
        wrong = [one for one in _known_wrong(kept["calendar"], start, end) if one not in settled]
        if wrong:
            reports.say(known_wrong(kept["calendar"], wrong))


def _known_wrong(name: str, start: str | None, end: str | None) -> list[date]:
    """The dates of a range whose sessions exchange_calendars is known to have wrong."""
    from barhouse.store.calendars.known import known_corrections
    from barhouse.store.model.inputs import as_session_range

    first, last = as_session_range(start, end)
    days = [one.session_date for one in known_corrections(name)]
    return [day for day in days if (first is None or day >= first) and (last is None or day < last)]


def _kept(store: SessionStore, name: str) -> dict[str, Any]:
    """Find a calendar of the store by any of its names."""
    from barhouse.store.records import trading_calendar

    with store.reading() as transaction:
        own = trading_calendar.kept_name(transaction, name)
    rows: list[dict[str, Any]] = store.calendars().to_pylist()
    return next(row for row in rows if row["calendar"] == own)


@command("refresh", example="barhouse calendar refresh XNYS --dry-run")
@click.argument("name")
@dry_run_option
@data_options
@click.pass_obj
def refresh(settings: Settings, name: str, *, dry_run: bool, form: str, output: Path | None) -> None:
    """Bring a calendar up to date.

    Shows the sessions whose hours differ. What is stored stays as it was until then, whatever a new release of
    exchange_calendars says. Bars that are touched are derived again, and the old ones kept as revisions.
    """
    from barhouse.coordinator.session_coordinator import SessionCoordinator

    tables.check(form, output)
    with opened_store(settings) as store:
        report = SessionCoordinator(store).refresh_calendar(name, apply=not dry_run)
    reports.say(calendar_changed(report, added=False, dry_run=dry_run))
    if form != "table" or report.changes:
        tables.write(_changes(report), form, output)


def _changes(report: CalendarReport) -> pa.Table:
    import pyarrow as pa

    columns = {"session_date": pa.date32(), "before": pa.string(), "after": pa.string()}
    arrays = [pa.array([getattr(change, name) for change in report.changes], kind) for name, kind in columns.items()]
    return pa.Table.from_arrays(arrays, names=list(columns))


for _one in (add, set_, list_, show, refresh):
    calendar.add_command(_one)

COMMANDS = (calendar,)
