"""What the README shows is what happens: its commands and its Python are run, and their output compared.

To renew the outputs after a change: ``python -m tests.integration.test_readme``.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PYTHON = re.compile(r"^```python\n(.*?)^```\n\n```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LATE = """timestamp,open,high,low,close,volume
2020-12-16T10:31:00-05:00,369.9,372.5,369.85,372.4,250000
2020-12-16T10:32:00-05:00,369.9,369.2,369.85,369.9,100000
"""


def run(command: list[str], folder: Path) -> str:
    """What a command prints, both streams as a terminal would show them."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": path, "BARHOUSE_STORE": "demo.duckdb", "COLUMNS": "200", "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return "".join(line.rstrip() + "\n" for line in done.stdout.splitlines())


def carried_out(text: str, folder: Path) -> str:
    """The README with every output as it really is."""
    shutil.copytree(ROOT / "sample", folder / "sample")
    (folder / "late.csv").write_text(LATE, encoding="utf-8")

    def shell(block: re.Match[str]) -> str:
        commands = [line[2:] for line in block[1].splitlines() if line.startswith("$ ")]
        shown = "".join(f"$ {command}\n{run(['sh', '-c', command], folder)}" for command in commands)
        return f"```console\n{shown.replace(str(folder) + os.sep, '')}```"

    def python(block: re.Match[str]) -> str:
        return f"```python\n{block[1]}```\n\n```text\n{run([sys.executable, '-c', block[1]], folder)}```"

    return PYTHON.sub(python, BLOCK.sub(shell, text))


def test_the_readme_shows_what_happens(tmp_path: Path) -> None:
    text = README.read_text(encoding="utf-8")
    assert without_sizes(carried_out(text, tmp_path.resolve())) == without_sizes(text)


def without_sizes(text: str) -> str:
    """The size of a file is DuckDB's affair, and not the same in every version."""
    return re.sub(r"[0-9.]+ MB", "... MB", text)


def test_the_readme_names_every_column(tmp_path: Path) -> None:
    from barhouse import open_store

    rows = re.findall(
        r"^\| `(\w+)(\([a-z]+\))?` \| [^|]+ \| ([^|]+) \|$", README.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert len(rows) == 13
    with open_store(tmp_path / "bars.duckdb") as store:
        named = {view: columns.strip() for view, _, columns in rows}
        for view, _, columns in rows:
            source = "bars_as_of(now())" if view == "bars_as_of" else view
            full = columns.strip().replace("the same", named["bars"]).replace("those of bars", named["bars"])
            assert store.sql(f"FROM {source} LIMIT 0").column_names == full.replace(", and ", ", ").split(", ")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        README.write_text(carried_out(README.read_text(encoding="utf-8"), Path(name).resolve()), encoding="utf-8")
