"""Files that may not grow: what calls can be failed with where there is neither a C compiler nor the right to mount."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from barhouse import open_store
from tests.faults.commands import ATTEMPTS, make
from tests.faults.fork import forked

resource = pytest.importorskip(
    "resource", reason="this system has no limits for the size of files, as Windows has none"
)


def run(folder: Path, name: str, limit: int | None, said: Path) -> int:
    """Run a command that may write files of so many bytes."""

    def work() -> None:
        from barhouse.coordinator.cli.main import main

        os.chdir(folder)
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        sys.argv = ["barhouse", "--store", str(folder / ATTEMPTS[name].store), *shlex.split(ATTEMPTS[name].arguments)]
        main()

    return forked(work, said)


def test_a_file_that_may_not_grow(tmp_path: Path) -> None:
    template, said, failed = tmp_path / "template", tmp_path / "said", 0
    template.mkdir()
    assert forked(lambda: make(template), said) == 0, said.read_text()
    size = (template / "bars.duckdb").stat().st_size
    for name, limit in (("load", 2_000), ("load", size), ("publish", size // 2), ("export", 2_000), ("init", 5_000)):
        folder = Path(shutil.copytree(template, tmp_path / f"{name} {limit}"))
        store = folder / ATTEMPTS[name].store
        code = run(folder, name, limit, said)
        assert code in (0, 4), said.read_text()
        if code:
            failed += 1
            assert "make room" in said.read_text()
        if store.exists():
            with open_store(store) as opened:
                assert opened.verify().sound
        assert run(folder, name, None, said) == 0, said.read_text()
    assert failed >= 3, "hardly anything failed; the test would prove nothing"
