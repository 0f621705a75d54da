"""A batch is undone: what it wrote goes, what it replaced comes back, and nobody can tell but by the history."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from load_kit import NEW_YORK, Bench, line, minutes, unchanged
from test_cli import Line, copied, empty, filled, spy

from barhouse.coordinator.cli.errors import ExitCode
from barhouse.store.errors import InputError
from barhouse.store.model.reports import LoadReport, RevertReport

__all__ = ["empty", "filled", "spy"]  # fixtures

#: What analysts see, but for the batches that wrote it.
VIEWS = (
    "SELECT * EXCLUDE (batch_id) FROM bars ORDER BY ALL",
    "SELECT * EXCLUDE (updated) FROM intervals ORDER BY symbol, interval",
    "FROM coverage ORDER BY ALL",
    "FROM gaps ORDER BY ALL",
)
DAYS = ("2024-11-26 14:30", "2024-11-26 21:00"), ("2024-11-27 14:30", "2024-11-27 17:00")
NEXT_DAY = "2024-11-29 14:30", "2024-11-29 18:00"


def shown(bench: Bench) -> list[list[dict[str, Any]]]:
    return [bench.ask(view) for view in VIEWS]


def load(bench: Bench, *ranges: tuple[str, str], price: float = 100.0, **options: Any) -> LoadReport:
    """Load the minutes of some stretches of time, at one price."""
    stamps = [stamp for each in ranges for stamp in minutes(*each)]
    rows = [line(stamp, price, price + 1, price - 1, price) for stamp in stamps]
    return bench.load_lines(*rows, timezone="UTC", **options)


def undone(bench: Bench, batch_id: int) -> RevertReport:
    """Undo a batch, derive, and see that all of it is sound and the same as by the batch's row."""
    report = bench.coordinator.revert(batch_id)
    (row,) = bench.ask(f"SELECT kind, source, reverts FROM batches WHERE batch_id = {report.batch_id}")
    assert row == {"kind": "revert", "source": f"batch {batch_id}", "reverts": batch_id}
    assert bench.store.verify().sound
    bench.process()
    assert bench.store.verify().sound
    return report


@pytest.fixture
def stocked(bench: Bench) -> Bench:
    """SPY with a session and a half of minutes, derived."""
    load(bench, *DAYS)
    bench.process()
    return bench


WRONG: dict[str, Callable[[Bench], int | None]] = {
    "later sessions": lambda bench: load(bench, NEXT_DAY).batch_id,
    "an earlier session": lambda bench: load(bench, ("2024-11-25 14:30", "2024-11-25 21:00")).batch_id,
    "other prices": lambda bench: load(bench, ("2024-11-26 15:00", "2024-11-26 16:00"), price=7.0).batch_id,
    "some of each": lambda bench: load(bench, ("2024-11-27 16:00", "2024-11-27 19:00"), NEXT_DAY, price=7.0).batch_id,
    "outside of sessions": lambda bench: load(bench, ("2024-11-27 12:00", "2024-11-27 13:00")).batch_id,
    "after the close": lambda bench: load(bench, ("2024-11-27 22:00", "2024-11-27 22:30")).batch_id,
    "sessions replaced": lambda bench: (
        load(bench, ("2024-11-26 18:00", "2024-11-26 19:00"), replace="sessions").batch_id
    ),
    "the middle deleted": lambda bench: (
        bench.coordinator.delete_bars("SPY", "1m", "2024-11-26T15:00Z", "2024-11-26T16:00Z").batch_id
    ),
    "the beginning deleted": lambda bench: bench.coordinator.delete_bars("SPY", "1m", end="2024-11-27").batch_id,
    "the end deleted, with its watermark": lambda bench: (
        bench.coordinator.delete_bars("SPY", "1m", "2024-11-27", rewind=True).batch_id
    ),
    "all deleted": lambda bench: bench.coordinator.delete_bars("SPY", "1m", "2024-01-01", rewind=True).batch_id,
}


@pytest.mark.parametrize("derived", [True, False], ids=["derived", "waiting"])
@pytest.mark.parametrize("what", WRONG)
def test_what_a_batch_did_is_undone_and_done_again(stocked: Bench, what: str, derived: bool) -> None:
    bench = stocked
    before, at_first = shown(bench), bench.store.sql("SELECT max(committed_at) AS at FROM batches")["at"][0].as_py()
    batch_id = WRONG[what](bench)
    assert batch_id is not None
    if derived:
        bench.process()
    wrong = shown(bench)
    assert wrong != before
    first = undone(bench, batch_id)
    assert shown(bench) == before
    second = undone(bench, first.batch_id or 0)
    if not derived:
        bench.coordinator.revert(second.batch_id or 0)
        bench.process()
        assert shown(bench) == before
        return
    assert shown(bench) == wrong
    assert (second.inserted, second.revised, second.deleted) == (first.deleted, first.revised, first.inserted)
    then = "SELECT * EXCLUDE (batch_id) FROM bars_as_of($at) ORDER BY ALL"
    assert bench.store.sql(then, {"at": at_first}).to_pylist() == before[0]


def test_what_would_be_undone_is_said_first(stocked: Bench) -> None:
    wrong = load(stocked, ("2024-11-27 16:00", "2024-11-27 19:00"), price=7.0)
    with unchanged(stocked):
        report = stocked.coordinator.revert(wrong.batch_id, apply=False)
    assert (report.batch_id, report.reverted, report.kind, report.symbols) == (None, wrong.batch_id, "load", ("SPY",))
    assert (report.inserted, report.revised, report.deleted) == (0, 60, 120)
    assert report.files == (str(stocked.folder / "bars.csv"),)
    assert undone(stocked, wrong.batch_id) == report.model_copy(update={"batch_id": wrong.batch_id + 1})


def test_a_batch_without_changes_has_nothing_to_undo(stocked: Bench) -> None:
    again = load(stocked, *DAYS)
    assert again.unchanged == again.rows
    with unchanged(stocked):
        assert stocked.coordinator.revert(again.batch_id).batch_id is None


def test_a_file_that_was_undone_is_loaded_again(stocked: Bench) -> None:
    first = load(stocked, NEXT_DAY)
    assert load(stocked, NEXT_DAY).unchanged == 210
    undone(stocked, first.batch_id)
    assert load(stocked, NEXT_DAY).inserted == 210
    assert stocked.store.verify().sound


def test_several_symbols_go_back_each_to_its_own_end(bench: Bench) -> None:
    """What else one of them has stays, and only where last bars went the watermark goes back."""
    for symbol, last in (("SPY", "16:00"), ("QQQ", "15:00")):
        load(bench, ("2024-11-26 14:30", f"2024-11-26 {last}"), symbol=symbol)
    rows = [
        f"{name},{line(stamp)}" for name in ("SPY", "QQQ") for stamp in minutes("2024-11-26 15:00", "2024-11-26 15:30")
    ]
    both = bench.write(*rows, name="both.csv", header="symbol,timestamp,open,high,low,close,volume")
    wrong = bench.load(both, symbol=None, timezone="UTC")
    undone(bench, wrong.batch_id)
    ends = bench.ask("SELECT symbol, complete_through FROM intervals WHERE NOT derived AND symbol IN ('SPY', 'QQQ')")
    assert {row["symbol"]: f"{row['complete_through']:%H:%M}" for row in ends} == {"SPY": "16:00", "QQQ": "15:00"}
    assert {bar["open"] for bar in bench.bars("SPY")} == {100.0}


def test_a_stack_of_loads_is_undone_from_the_top(bench: Bench) -> None:
    states = []
    batches = []
    for price in (10.0, 20.0, 30.0):
        states.append(shown(bench))
        batches.append(load(bench, DAYS[0], price=price).batch_id)
        bench.process()
    for batch_id, state in zip(reversed(batches), reversed(states), strict=True):
        undone(bench, batch_id)
        assert shown(bench) == state


def test_it_is_refused_where_later_batches_changed_the_same_bars(stocked: Bench) -> None:
    wrong = load(stocked, ("2024-11-26 15:00", "2024-11-26 16:00"), price=7.0)
    later = load(stocked, ("2024-11-26 15:30", "2024-11-26 15:40"), price=8.0)
    elsewhere = load(stocked, ("2024-11-26 17:00", "2024-11-26 17:10"), price=8.0)
    said = rf"of its bars batch {later.batch_id} \(load, 10 bars\) wrote or replaced some since; undo the later ones"
    with unchanged(stocked), pytest.raises(InputError, match=said):
        stocked.coordinator.revert(wrong.batch_id)
    undone(stocked, later.batch_id)
    undone(stocked, wrong.batch_id)
    assert {bar["open"] for bar in stocked.bars()} == {100.0, 8.0}
    with unchanged(stocked), pytest.raises(InputError, match=f"is undone already, by batch {elsewhere.batch_id + 3}"):
        stocked.coordinator.revert(wrong.batch_id)


def test_it_is_refused_where_what_was_replaced_is_gone(stocked: Bench) -> None:
    wrong = load(stocked, ("2024-11-26 15:00", "2024-11-26 16:00"), price=7.0)
    stocked.process()
    purged = stocked.coordinator.purge_bars("SPY", "1m", "2024-11-27").batch_id
    with (
        unchanged(stocked),
        pytest.raises(InputError, match=f"was given up for good by batch {purged}; load bars that"),
    ):
        stocked.coordinator.revert(wrong.batch_id)


def test_it_is_refused_where_revisions_were_purged(stocked: Bench) -> None:
    wrong = load(stocked, ("2024-11-26 15:00", "2024-11-26 16:00"), price=7.0)
    stocked.now = stocked.now + timedelta(days=1)
    purged = stocked.coordinator.purge_revisions("2026-01-02T12:00:00Z").batch_id
    with (
        unchanged(stocked),
        pytest.raises(InputError, match=f"was given up for good by batch {purged}; load bars that"),
    ):
        stocked.coordinator.revert(wrong.batch_id)


def test_it_is_refused_where_a_symbol_was_removed(stocked: Bench) -> None:
    wrong = load(stocked, NEXT_DAY)
    deleted = stocked.coordinator.delete_bars("SPY", "1m", "2024-11-26", "2024-11-27").batch_id
    stocked.coordinator.remove_symbol("SPY")
    for batch_id in (wrong.batch_id, deleted):
        with unchanged(stocked), pytest.raises(InputError, match="SPY of its symbols were removed since; register"):
            stocked.coordinator.revert(batch_id)


OTHERS = {
    "calendar": "change the calendar back",
    "process": "undo the batch that changed those",
    "remove": "register the symbol again",
    "retention": "restore a backup",
}


@pytest.mark.parametrize("kind", OTHERS)
def test_other_batches_are_undone_otherwise(stocked: Bench, kind: str) -> None:
    if kind == "remove":
        stocked.coordinator.remove_symbol("SPY")
    if kind == "retention":
        stocked.coordinator.purge_bars("SPY", "1m", "2024-11-27")
    (batch,) = stocked.ask(f"SELECT max(batch_id) AS batch_id FROM batches WHERE kind = '{kind}'")
    said = f"batch {batch['batch_id']} is a {kind}, which is not undone as such: .*{OTHERS[kind]}"
    with unchanged(stocked), pytest.raises(InputError, match=said):
        stocked.coordinator.revert(batch["batch_id"])


@pytest.mark.parametrize("given", [0, -1, True, 1.5, "3", None, 999, 2**63, 2**70])
def test_what_is_no_batch_is_refused(stocked: Bench, given: Any) -> None:
    with (
        unchanged(stocked),
        pytest.raises(InputError, match=r"give the number of a batch, 1 or more|there is no batch"),
    ):
        stocked.coordinator.revert(given)


OWN = {"timezone": "UTC", "open": "09:00", "close": "17:00"}


@pytest.mark.parametrize("base", ["1h", "1d"])
def test_bars_come_back_where_the_calendar_has_them_by_then(bench: Bench, base: str) -> None:
    """Bars of a day start with their session; what has no place any more stays away."""
    bench.coordinator.add_calendar("OWN", **OWN)
    bench.coordinator.register("FX", [base], "OWN", base=base)
    stamps = [f"2024-11-{day} 09:00" if base == "1h" else f"2024-11-{day}" for day in (25, 26, 27)]
    options: dict[str, Any] = {"timezone": "UTC"} if base == "1h" else {}
    bench.load_lines(*map(line, stamps), interval=base, symbol="FX", **options)
    deleted = bench.coordinator.delete_bars("FX", base, "2024-11-26", "2024-11-27").batch_id or 0
    bench.coordinator.add_calendar(
        "OWN", **{**OWN, "open": "09:00" if base == "1h" else "08:30"}, holidays=["2024-11-26"]
    )
    said = "has no place any more for 1 bar that would come back, such as FX"
    if base == "1d":
        with unchanged(bench), pytest.raises(InputError, match=said):
            bench.coordinator.revert(deleted)
    bench.coordinator.add_calendar("OWN", **{**OWN, "open": "08:00"})
    undone(bench, deleted)
    hour = 9 if base == "1h" else 8
    assert bench.starts("FX", base) == [f"2024-11-{day} 0{hour}:00" for day in (25, 26, 27)]


@pytest.fixture
def command(filled: Line, tmp_path: Path) -> Line:
    return copied(filled, tmp_path)


def test_the_command_says_what_it_would_do_and_did(command: Line, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("timestamp,open,high,low,close,volume\n2020-12-16T15:31Z,9,9,9,9,9\n", encoding="utf-8")
    command("load", wrong, "--symbol", "SPY", "-i", "1m", "--process")
    (number,) = re.findall(
        r"\d+", command("sql", "SELECT max(batch_id) FROM batches WHERE kind = 'load'", "--format", "csv").stdout
    )
    would = f"batch {number} (load of {wrong}) of SPY: 1 bar would be as before\n"
    assert command("revert", number, "--dry-run").stderr == would
    assert command("revert", number, expected=ExitCode.USAGE).stderr.endswith("say --yes to go on\n")
    said = command("revert", number, "--yes").stderr
    assert said == (
        f"undid batch {number} (load of {wrong}): 1 bar as before; run `barhouse process` to derive again\n"
        f"  {wrong} counts as not loaded, and may be loaded again\n"
        f"  to take this back: barhouse revert {int(number) + 2}\n"
    )
    assert command("process").stderr == "revised 4 bars: 5m 1, 15m 1, 1h 1, 1d 1\n"
    assert "is undone already" in command("revert", number, "--yes", expected=ExitCode.BAD_INPUT).stderr
    assert "there is no batch 77" in command("revert", "77", "--yes", expected=ExitCode.BAD_INPUT).stderr
    assert "all as recomputed" in command("verify").stderr


def test_an_undo_of_something_older_is_in_the_way_of_undoing_a_later_undo(bench: Bench) -> None:
    """Load, correct, undo both from the top: the correction cannot come back below what went with the load."""
    first = bench.load_lines(line("2024-11-26 10:00", close=10.5), timezone=NEW_YORK)
    then = bench.load_lines(line("2024-11-26 10:00", close=10.6), timezone=NEW_YORK)
    undone = bench.coordinator.revert(then.batch_id)
    gone = bench.coordinator.revert(first.batch_id)
    assert undone.batch_id is not None and gone.batch_id is not None
    with (
        unchanged(bench),
        pytest.raises(InputError, match=rf"batch {gone.batch_id} .*since; undo the later ones first"),
    ):
        bench.coordinator.revert(undone.batch_id)
    bench.coordinator.revert(gone.batch_id)
    assert bench.coordinator.revert(undone.batch_id).revised == 1
    assert [bar["close"] for bar in bench.bars()] == [10.6]
    assert bench.store.verify().sound
