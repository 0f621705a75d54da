"""Examples in pages are run, and shown with what really comes of them.

A page is a folder of its own, with ``sample/`` in it, and its blocks are run from top to bottom:

- ``console``: lines that begin with ``$ `` are commands (``> `` goes on with one); what they print follows. What one
  exports holds for all that follow.
- ``python``: a program of its own; where a ``text`` block follows, that is what it prints, otherwise it prints nothing.
- whatever stands below ``<!-- file: NAME -->`` is written to that file first; inside a comment too, for files that
  are not shown.
- ``<!-- store: NAME -->`` puts a copy of the store that ``make demo`` makes there.
- ``<!-- bucket: s3://NAME/FOLDER < FILES -->`` starts a server of buckets for the page, and puts files there.
- ``<!-- installed: NAME -->`` builds the package in that folder and installs it, for the commands that follow.
- ``<!-- not run: why -->`` right above a block leaves it as it is.

Commands of barhouse and programs are run in this process, where they need a tenth of the time; everything that asks
something of the shell is run by one. An example may show an error of what is given, but not that a command or program
is wrong itself: then it is the page that is out of date.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from barhouse.store.calendars import exchange
from barhouse.store.places.place import open_place
from tests.docs.pages import ROOT, fences
from tests.s3_server import S3Server

_PART = re.compile(
    r"^<!-- store: (?P<store>\S+) -->$"
    r"|^<!-- bucket: s3://(?P<bucket>[^/\s]+)/(?P<within>\S+) < (?P<sent>\S+) -->$"
    r"|^<!-- installed: (?P<package>\S+) -->$"
    r"|^<!-- file: (?P<hidden>\S+)\n(?P<hidden_text>.*?)^-->$"
    r"|^<!-- file: (?P<file>\S+) -->\n```[a-z]*\n(?P<file_text>.*?)^```$"
    r"|^<!-- not run: [^\n]+ -->\n```[a-z]*\n.*?^```$"
    r"|^```console\n(?P<console>.*?)^```$"
    r"|^```python\n(?P<python>.*?)^```(?:\n\n```text\n(?P<printed>.*?)^```)?$",
    re.MULTILINE | re.DOTALL,
)
#: A command of barhouse that the shell would only cut into words.
_PLAIN = re.compile(r"""barhouse(?: +(?:[^\s'"\\$`|&;<>()*?~#]+|'[^']*'|"[^"$`\\]*"))*""")
_STORE = "demo.duckdb"


class WrongExample(AssertionError):
    """A command line that barhouse does not know, or a program that ends with an error."""


def carried_out(text: str, folder: Path) -> str:
    """A page with every output as it really is.

    Raises
    ------
    WrongExample
        For an example that is wrong itself.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder = folder.resolve()
    shutil.copytree(ROOT / "sample", folder / "sample")
    with contextlib.ExitStack() as page:
        page.enter_context(contextlib.chdir(folder))
        page.enter_context(_surroundings())
        page.enter_context(_imports_forgotten())
        return _PART.sub(lambda part: _carry_out(part, folder, page), text)


#: What no page shows: an error that nobody expected, of a program that was being changed, say.
MISHAP = "Traceback (most recent call last)"


def without_accidents(text: str) -> str:
    """The sizes of files are DuckDB's affair; how far ahead calendars are known depends on the day."""
    return re.sub(r"\b20(?:2[6-9]|[3-9][0-9])-[0-9]{2}-[0-9]{2}\b", "ahead", re.sub(r"\b[0-9.]+ MB", "... MB", text))


def _carry_out(part: re.Match[str], folder: Path, page: contextlib.ExitStack) -> str:
    if part["store"]:
        shutil.copy(_demo_store(), folder / part["store"])
    elif part["bucket"]:
        page.enter_context(_bucket(part["bucket"], part["within"], sorted(folder.glob(part["sent"]))))
    elif part["package"]:
        _install(folder / part["package"], folder / ".site")
    elif part["hidden"] or part["file"]:
        target = folder / (part["hidden"] or part["file"])
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(part["hidden_text"] or part["file_text"] or "", encoding="utf-8")
    elif part["console"] is not None:
        shown = "".join(f"{said}{_run(command, folder)}" for said, command in _commands(part["console"]))
        return f"```console\n{shown}```"
    elif part["python"] is not None:
        printed = _cleaned(_program(part["python"]), folder)
        shown = f"\n\n```text\n{printed}```" if printed or part["printed"] is not None else ""
        return f"```python\n{part['python']}```{shown}"
    return part[0]


@contextlib.contextmanager
def _bucket(name: str, within: str, sent: list[Path]) -> Iterator[None]:
    """Have a server with files in a bucket, for the commands that follow."""
    with TemporaryDirectory(prefix="barhouse-docs-s3-") as place:
        server = S3Server(Path(place))
        try:
            server.start()
            server.make_bucket(name)
            os.environ.update(server.environment)
            for file in sent:
                open_place(f"s3://{name}/{within}").put(file, file.name)
            yield
        finally:
            server.close()


def _install(package: Path, target: Path) -> None:
    """Build a wheel of a package, and install it where this process and others find it."""
    offline = ("--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--quiet")
    command = [sys.executable, "-m", "pip", "install", *offline, "--target", str(target), str(package)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    sys.path.insert(0, str(target))
    os.environ["PYTHONPATH"] = os.pathsep.join([str(target), os.environ["PYTHONPATH"]])


@contextlib.contextmanager
def _imports_forgotten() -> Iterator[None]:
    """Leave nothing that was imported from a page's packages."""
    path, modules = list(sys.path), set(sys.modules)
    try:
        yield
    finally:
        gone = set(sys.path) - set(path)
        sys.path[:] = path
        for name in set(sys.modules) - modules:
            if Path(getattr(sys.modules[name], "__file__", None) or "").is_relative_to(next(iter(gone), "/nowhere")):
                del sys.modules[name]


def _commands(block: str) -> Iterator[tuple[str, str]]:
    """The commands of a block: as they are shown, and as they are run."""
    for found in re.finditer(r"^\$ .*\n(?:> .*\n)*", block, re.MULTILINE):
        yield found[0], "\n".join(line[2:] for line in found[0].splitlines())


def _run(command: str, folder: Path) -> str:
    exported = re.fullmatch(r"export (\w+)=(\S+)", command)
    if exported:
        os.environ[exported[1]] = exported[2]
        return ""
    return _cleaned(_barhouse(command) if _PLAIN.fullmatch(command) else _shell(command), folder)


def _cleaned(printed: str, folder: Path) -> str:
    text = "".join(line.rstrip() + "\n" for line in printed.splitlines())
    return text.replace(f"{folder}{os.sep}", "").replace(str(folder), ".")


def _barhouse(command: str) -> str:
    from barhouse.coordinator.cli.main import ExitCode, cli

    with _captured() as printed:
        try:
            cli.main(shlex.split(command)[1:], prog_name="barhouse")
        except SystemExit as ended:
            code = ended.code
    if code in (ExitCode.FAILED, ExitCode.USAGE):
        raise WrongExample(f"$ {command}\n{_text(printed)}")
    return _text(printed)


def _program(text: str) -> str:
    with _captured() as printed:
        try:
            exec(compile(text, "<example>", "exec"), {"__name__": "__main__"})
        except Exception as error:
            raise WrongExample(f"{text}\n{_text(printed)}") from error
    return _text(printed)


def _shell(command: str) -> str:
    done = subprocess.run(
        ["sh", "-c", command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if "\nUsage: barhouse" in f"\n{done.stdout}" or "barhouse: unexpected error" in done.stdout:
        raise WrongExample(f"$ {command}\n{done.stdout}")
    return done.stdout


@contextlib.contextmanager
def _captured() -> Iterator[io.BytesIO]:
    """Both streams in one, in the order in which they are written, as a terminal shows them."""
    printed = io.BytesIO()
    stream = io.TextIOWrapper(printed, encoding="utf-8", write_through=True)
    with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
        yield printed
        stream.detach()


def _text(printed: io.BytesIO) -> str:
    return printed.getvalue().decode("utf-8")


@contextlib.contextmanager
def _surroundings() -> Iterator[None]:
    """What a reader's shell has: barhouse to be found, no store named, and a wide window."""
    before, level = dict(os.environ), logging.getLogger("barhouse").level
    folders = [str(Path(sys.executable).parent), os.environ["PATH"]]
    os.environ.pop("BARHOUSE_STORE", None)
    os.environ.update(PATH=os.pathsep.join(folders), COLUMNS="200", PYTHONPATH=str(ROOT), NO_COLOR="1")
    try:
        with patch.object(exchange, "sessions", _sessions):
            yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        logging.getLogger("barhouse").setLevel(level)


#: Most of what a new store costs is an exchange's calendar, and pages make many stores.
_sessions = cache(exchange.sessions)
_made = TemporaryDirectory(prefix="barhouse-docs-")


@cache
def _demo_store() -> Path:
    """The store that the sample job makes, made once."""
    folder = Path(_made.name)
    shutil.copytree(ROOT / "sample", folder / "sample")
    with contextlib.chdir(folder):
        _barhouse("barhouse run sample/demo.toml")
    return folder / _STORE


def blocks_not_run(text: str) -> list[str]:
    """The first lines of blocks that nothing runs or checks, and that do not say why: text apart, which only shows."""
    left = _PART.sub("", text)
    return [
        f"{language}: {inside.splitlines()[0]}" for language, inside in fences(left) if language != "text" and inside
    ]
