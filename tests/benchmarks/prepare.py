"""What the contenders start from: files of bars, and stores and databases already filled. Each is made once."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks import data, live, ours, raw
from tests.benchmarks.harness import Run, Sizes

ROOT = Path(__file__).parents[2]


def place(run: Run, name: str) -> Path:
    """Where something made for all is; stores are made anew when the code that makes them changes."""
    sizes = run.sizes
    folder = run.cache / f"{sizes.symbols}x{sizes.sessions}"
    if name.startswith("store"):
        folder = folder / f"stores-{_code()}"
    ending = "parquet" if name.startswith(("bars", "next")) else "duckdb"
    of_long = f"-{sizes.long_sessions}" if name.endswith(("_long", "_month", "_scattered")) else ""
    return folder / f"{name}{of_long}.{ending}"


def made_from(name: str, sizes: Sizes) -> tuple[str, ...]:
    """Name what must be there before something can be made."""
    if name == "store_scattered":
        return ("bars_long", "store_long") if sizes.long_sessions else ("bars", "store")
    return {
        "bars_shuffled": ("bars",),
        "store_loaded": ("bars",),
        "store": ("bars",),
        "store_long": ("bars_long",),
        "store_many": ("bars_many",),
        "raw_loaded": ("bars",),
        "raw": ("bars",),
    }.get(name, ())


def copied(run: Run, name: str) -> Path:
    """A copy of a prepared file, for this turn to change; on the disk, or the first commit would wait for that."""
    copy = Path(shutil.copy(place(run, name), run.work / "bars.duckdb"))
    with copy.open("rb+") as file:
        os.fsync(file.fileno())
    return copy


def make(name: str, run: Run) -> None:
    """Make one of the prepared files."""
    target = place(run, name)
    if not target.parent.exists():
        for old in target.parent.parent.glob("stores-*"):
            shutil.rmtree(old)
        target.parent.mkdir(parents=True)
    part = target.with_name(f"half-made-{target.name}")
    for left in part.parent.glob(f"{part.name}*"):
        left.unlink()
    _MAKERS[name](run, part)
    part.rename(target)


def _code() -> str:
    """A name that changes when anything does that a store depends on."""
    seen = hashlib.sha256()
    for folder in ("store", "coordinator", "migrations"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in {".py", ".sql"}:
                seen.update(path.read_bytes())
    return seen.hexdigest()[:12]


def _bars(run: Run, part: Path) -> None:
    data.write_sorted(part, data.symbols(run.sizes.symbols), data.history(run.sizes.sessions))


def _bars_long(run: Run, part: Path) -> None:
    data.write_sorted(part, data.symbols(run.sizes.symbols), data.history(run.sizes.long_sessions))


def _bars_shuffled(run: Run, part: Path) -> None:
    data.write_shuffled(part, place(run, "bars"))


def _bars_many(run: Run, part: Path) -> None:
    data.write_sorted(part, data.symbols(run.sizes.many_symbols), data.history(max(run.sizes.sessions // 10, 1)))


def _next_day(run: Run, part: Path) -> None:
    data.write_sorted(part, data.symbols(run.sizes.symbols), data.sequel(1))


def _next_day_many(run: Run, part: Path) -> None:
    data.write_sorted(part, data.symbols(run.sizes.many_symbols), data.sequel(1))


def _empty(run: Run, part: Path) -> None:
    with ours.opened(part) as store:
        ours.register(store, run.sizes.symbols)


def _filled(source: str, symbols: str, *, derive: bool = True) -> Callable[[Run, Path], None]:
    def make_it(run: Run, part: Path) -> None:
        with ours.opened(part) as store:
            ours.register(store, getattr(run.sizes, symbols))
            ours.load(store, place(run, source))
            if derive:
                ours.process(store)

    return make_it


def _raw(source: str, *, derive: bool = True) -> Callable[[Run, Path], None]:
    def make_it(run: Run, part: Path) -> None:
        with raw.connected(part, run.sizes.symbols) as connection:
            raw.load(connection, place(run, source))
            if derive:
                raw.derive(connection)

    return make_it


def _month(run: Run, part: Path) -> None:
    with ours.opened(part) as store:
        ours.register(store, run.sizes.symbols)
    live.trade(run, part, corrections=live.recent)


def _month_scattered(run: Run, part: Path) -> None:
    long = run.sizes.long_sessions > 0
    shutil.copy(place(run, "store_long" if long else "store"), part)
    live.trade(run, part, corrections=live.scattered(place(run, "bars_long" if long else "bars")))


_MAKERS: dict[str, Callable[[Run, Path], None]] = {
    "bars": _bars,
    "bars_long": _bars_long,
    "bars_shuffled": _bars_shuffled,
    "bars_many": _bars_many,
    "next_day": _next_day,
    "next_day_many": _next_day_many,
    "store_empty": _empty,
    "store_loaded": _filled("bars", "symbols", derive=False),
    "store": _filled("bars", "symbols"),
    "store_long": _filled("bars_long", "symbols"),
    "store_many": _filled("bars_many", "many_symbols"),
    "store_month": _month,
    "store_scattered": _month_scattered,
    "raw_loaded": _raw("bars", derive=False),
    "raw": _raw("bars"),
}
