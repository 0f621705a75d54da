"""A child process that tries commands with one of their calls failed, and says what was wrong afterwards.

Started with the library of ``tests/faults/failing_calls.py``. Each command runs in a fork, and so does what looks at
the store after it: this process itself never opens one.
"""

from __future__ import annotations

import json
import os
import random
import re
import shlex
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from barhouse.coordinator.cli.main import main
from tests.faults.commands import ATTEMPTS, make
from tests.faults.failing_calls import Fault, Orders
from tests.faults.fork import HANGS, forked, import_here
from tests.faults.what_is_there import Look, look

#: What most commands need; imported once, it is not imported in every fork.
_NEEDED = (
    "barhouse.coordinator.jobs.job_run",
    "barhouse.coordinator.live.session",
    "barhouse.store.copies.publication",
)
#: An error of ours says what happened; these are of nobody who thought of it.
_RAW = ("Traceback", "unexpected error")
#: What DuckDB says of a block that was written by half, and we with it.
_TOLD = re.compile(r"is damaged on the disk: .* go back to a backup with")
_ENDING = (Fault.KILLED, Fault.TORN)
#: DuckDB ends the process where a disk that is gone fails its way back, too: as a kill does, and counted apart.
_GONE, _ENDED = (Fault.GONE, Fault.NO_ROOM_LEFT), "terminate called after throwing an instance of 'duckdb::"


@dataclass
class Findings:
    """What was tried, and what was wrong.

    Attributes
    ----------
    tried
        Calls that failed.
    told
        Blocks written by half after which the store says that it is damaged, and to go back to a backup.
    ended
        Processes that DuckDB ended itself when the disk was gone for good.
    calls
        Of each command how many calls it makes.
    wrong
        What must not be.
    """

    tried: int = 0
    told: int = 0
    ended: int = 0
    calls: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)


class Trial:
    """One command, again and again, each time with another call failed."""

    def __init__(self, name: str, template: Path, work: Path, orders: Orders) -> None:
        given = ATTEMPTS[name]
        self.name, self.told, self.ended = name, 0, 0
        self.attempt = replace(given, arguments=given.arguments.format(now=datetime.now(UTC).isoformat()))
        self._template, self._folder, self._orders = template, work / "case", orders
        self._said, self._seen = work / "said", work / "seen.json"
        self._renew()
        if self.attempt.prepare is not None:
            assert self._forked(self.attempt.prepare) == 0, self.said()
            self._template = work / f"{len(list(work.iterdir()))}.ready"
            shutil.copytree(self._folder, self._template)
        self.before = self._look()
        self._renew()
        code, self.calls, _ = self._run(0, Fault.BROKEN)
        assert code == 0 and self.calls, f"{name}: {self.said()}"
        after = self._look()
        assert after is not None, f"{name}: {self.said()}"
        self.after = after

    def said(self) -> str:
        """What the last fork said."""
        return self._said.read_text(errors="replace")

    def problems(self, meant: int, fault: Fault) -> Iterator[str]:
        """Fail one call, and say what is wrong then."""
        self._renew()
        code, _, call = self._run(meant, fault)
        if not call:
            return  # threads make their calls in another order, and sometimes fewer
        call = call.replace(str(self._folder), "")
        where = f"{self.name}, {fault.name} at call {meant} of {self.calls} ({call}), exit {code}"
        said = self.said()
        if code == HANGS:
            yield f"{where}: it hangs"
            return
        if code == -signal.SIGABRT and fault in _GONE and _ENDED in said:
            self.ended += 1
        elif (code < 0 and fault not in _ENDING) or (code > 0 and not _is_in_words(code, said)):
            yield f"{where}, not in words of ours: {said}"
        found = self._look()
        if found is not None:
            yield from (f"{where}: {one}" for one in self._differences(code, found))
        elif fault is Fault.TORN and _TOLD.search(self.said()):
            self.told += 1
        else:
            yield f"{where} ({said.strip()}), and then: {self.said()}"

    def _differences(self, code: int, found: Look) -> Iterator[str]:
        """What is neither as before nor as after the command, and what giving it again does not mend."""
        is_done = self._is_done(found)
        if code == 0:
            if not is_done or (self.attempt.whole and found.tables != self.after.tables):
                yield f"it said that it is done, and is not: {self._apart(found)}"
            return
        looks = [one for one in (self.before, self.after) if one is not None]
        if self.attempt.whole and self.before and found.tables not in [{}, *(one.tables for one in looks)]:
            yield f"neither as before nor as after: {self._apart(found)}"
        for name, digest in found.copies.items():
            if digest not in [one.copies.get(name) for one in looks]:
                yield f"{name} is neither as before nor as after"
        if self.attempt.once and is_done:
            return
        again, _, _ = self._run(0, Fault.BROKEN)
        if again != 0:
            yield f"given again it fails: {self.said()}"
            return
        last = self._look()
        if last is None or not self._is_done(last):
            yield f"given again it comes to something else: {self._apart(last) if last else self.said()}"
        elif left := set(last.files) - set(self.after.files):
            yield f"left behind for good: {sorted(left)}"

    def _is_done(self, found: Look) -> bool:
        return found.meant == self.after.meant and found.copies == self.after.copies

    def _apart(self, found: Look) -> str:
        pairs = {}
        for what in ("tables", "meant", "copies"):
            mine, others = getattr(found, what), getattr(self.after, what)
            pairs |= {name: (mine.get(name), others.get(name)) for name in {*mine, *others}}
        return str({name: pair for name, pair in pairs.items() if pair[0] != pair[1]})

    def _run(self, meant: int, fault: Fault) -> tuple[int, int, str]:
        """Run the command with one call failed; gives its exit code, the number of calls, and the one that failed."""

        def work() -> None:
            sys.argv = ["barhouse", "--store", str(self._folder / self.attempt.store)]
            sys.argv += shlex.split(self.attempt.arguments)
            self._orders.give(self._folder, meant, fault)
            main()

        return (self._forked(work), *self._orders.end())

    def _look(self) -> Look | None:
        def work() -> None:
            seen = look(self.attempt.store, self._folder, self.attempt.arguments, is_sound=self.attempt.is_sound)
            self._seen.write_text(json.dumps(asdict(seen)))

        return None if self._forked(work) else Look(**json.loads(self._seen.read_text()))

    def _forked(self, work: Callable[[], object]) -> int:
        def there() -> object:
            os.chdir(self._folder)
            os.environ["TMPDIR"] = str(self._folder / "tmp")
            tempfile.tempdir = None
            return work()

        return forked(there, self._said)

    def _renew(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        shutil.copytree(self._template, self._folder)
        (self._folder / "tmp").mkdir(exist_ok=True)


def _is_in_words(code: int, said: str) -> bool:
    return code not in (1, 70) and bool(said.strip()) and not any(word in said for word in _RAW)


def tried(names: Sequence[str], faults: Sequence[Fault], most: int, seed: int, work: Path) -> Findings:
    """Fail calls of commands, of each ``most`` of them at random; one of the faults, in turn."""
    orders, template, findings = Orders(work / "orders"), work / "template", Findings()
    template.mkdir()
    modules = work / "modules"

    def prepare() -> None:
        make(template)
        modules.write_text("\n".join(sys.modules))

    assert forked(prepare, work / "said") == 0, (work / "said").read_text()
    import_here([*_NEEDED, *modules.read_text().split()])
    for name in names:
        trial = Trial(name, template, work, orders)
        findings.calls[name] = trial.calls
        chosen = random.Random(f"{seed} {name}").sample(range(1, trial.calls + 1), min(most, trial.calls))
        for meant in sorted(chosen):
            for wrong in trial.problems(meant, faults[(meant + seed) % len(faults)]):
                findings.wrong.append(wrong)
                print("wrong:", wrong[:3000], file=sys.stderr, flush=True)
            findings.tried += 1
        findings.told += trial.told
        findings.ended += trial.ended
    return findings


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    chosen_faults = [Fault[name] for name in given["faults"]]
    found = tried(given["names"], chosen_faults, given["most"], given["seed"], Path(given["work"]))
    print(json.dumps(asdict(found)))
