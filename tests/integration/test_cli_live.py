"""``barhouse live``: a folder followed, a job file read, a process stopped by a signal."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from inspect import signature
from pathlib import Path

import pytest
from click.testing import CliRunner

from barhouse import SessionCoordinator, open_store
from barhouse.coordinator.cli.errors import ExitCode
from barhouse.coordinator.cli.main import cli
from barhouse.coordinator.live.config import LiveConfig

SAMPLE = Path(__file__).parents[2] / "sample" / "spy_1m_2020-12-15_18.csv"
FOLDER = ["--symbols", "SPY", "--intervals", "1m,1d", "--interval", "1m", "--timezone", "America/New_York"]
#: click 8.1 mixes the streams unless told; later ones keep them apart, and know no such option.
RUNNER = CliRunner(**{name: False for name in signature(CliRunner).parameters if name == "mix_stderr"})


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    shutil.copy(SAMPLE, folder / "a.csv")
    os.utime(folder / "a.csv", (1_700_000_000,) * 2)
    (folder / "b.csv").write_text("nothing,of,the,kind\n1,2,3,4\n", encoding="utf-8")
    os.utime(folder / "b.csv", (1_700_000_001,) * 2)
    open_store(tmp_path / "bars.duckdb").close()
    return folder


def test_files_of_a_folder_are_loaded_and_derived(inbox: Path) -> None:
    store = str(inbox.parent / "bars.duckdb")
    given = ["--store", store, "live", "--feed", str(inbox), *FOLDER, "--calendar", "XNYS", "--once"]
    done = RUNNER.invoke(cli, [*given, "--json"])
    assert done.exit_code == ExitCode.REJECTS, done.output
    status = json.loads(done.stdout)
    assert (status["state"], status["inserted_count"], status["refused_count"]) == ("done", 1564, 0)
    (refused,) = status["refused_files"]
    assert status["refused_file_count"] == 1 and refused["path"] == str(inbox / "b.csv")
    assert "has no column for bar_start" in refused["reason"]
    assert (inbox / "loaded" / "a.csv").exists() and (inbox / "failed" / "b.csv").exists()
    with open_store(store) as opened:
        counts = opened.sql("SELECT interval, count(*) AS n FROM bars GROUP BY ALL ORDER BY ALL").to_pylist()
        assert counts == [{"interval": "1d", "n": 4}, {"interval": "1m", "n": 1564}]
        (file,) = opened.sql("SELECT path FROM source_file").to_pylist()
        assert file["path"].endswith("a.csv")
        assert opened.verify().sound
    again = RUNNER.invoke(cli, given)
    assert again.exit_code == 0 and "0 rows" in again.stderr


@pytest.mark.parametrize("by", ["option", "job file"])
def test_metrics_are_served_while_it_runs(inbox: Path, tmp_path: Path, by: str) -> None:
    store, more = str(tmp_path / "bars.duckdb"), ["--metrics-port", "0"]
    if by == "job file":
        (tmp_path / "job.toml").write_text('[live]\nfeed = "in"\nsymbols = "SPY"\nmetrics_port = 0\n', encoding="utf-8")
        more = [str(tmp_path / "job.toml")]
    command = [sys.executable, "-m", "barhouse", "--store", store, "live", "--feed", str(inbox), *FOLDER, *more]
    running = subprocess.Popen([*command, "--calendar", "XNYS"], stderr=subprocess.PIPE, text=True)
    assert running.stderr is not None
    try:
        said = next(line for line in running.stderr if line.startswith("metrics are served at "))
        address = said.removeprefix("metrics are served at ").strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/metrics", address), "of this machine alone, unless told"
        text, deadline = "", time.monotonic() + 300
        while "barhouse_symbols 1.0" not in text and time.monotonic() < deadline:
            time.sleep(0.2)
            with urllib.request.urlopen(address, timeout=60) as answer:
                text = answer.read().decode()
        assert "\nbarhouse_symbols 1.0\n" in text
        running.send_signal(signal.SIGINT)
        assert running.wait(300) == 0
    finally:
        running.kill()
        running.stderr.close()
    with pytest.raises(OSError):
        urllib.request.urlopen(address, timeout=5)


def test_metrics_that_cannot_be_served_end_it_before_anything_begins(
    inbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["--store", str(tmp_path / "bars.duckdb"), "live", "--feed", str(inbox), *FOLDER, "--calendar", "XNYS"]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = RUNNER.invoke(cli, [*command, "--once", "--metrics-port", port])
        assert (
            done.exit_code == ExitCode.BAD_INPUT and f"--metrics-port {port} on 127.0.0.1 cannot be had" in done.stderr
        )
    monkeypatch.setattr("barhouse.coordinator.live.metrics_server.find_spec", lambda name: None)
    missing = RUNNER.invoke(cli, [*command, "--once", "--metrics-port", "0"])
    assert missing.exit_code == ExitCode.BAD_INPUT and "pip install 'barhouse[metrics]'" in missing.stderr
    with open_store(tmp_path / "bars.duckdb") as store:
        assert store.get_active_symbols() == set() and store.runs() == []
    assert sorted(file.name for file in inbox.iterdir()) == ["a.csv", "b.csv"]


def test_a_job_file_and_options_that_go_before_it(inbox: Path, tmp_path: Path) -> None:
    job = tmp_path / "job.toml"
    job.write_text(
        '[live]\nfeed = "nowhere"\nsymbols = "SPY"\nintervals = ["1m"]\ncalendar = "XNYS"\ninterval = "1m"\n'
        'timezone = "America/New_York"\nname = "desk"\n[live.options]\nheartbeat_seconds = 0.1\n',
        encoding="utf-8",
    )
    store = str(tmp_path / "bars.duckdb")
    done = RUNNER.invoke(cli, ["--store", store, "live", str(job), "--feed", str(inbox), "--once"])
    assert done.exit_code == ExitCode.REJECTS, done.output
    head, refused = done.stderr.splitlines()[-2:]
    assert "1,564 rows" in head and "refused" not in head
    assert refused.startswith("1 file refused: b.csv has no column for bar_start") and "columns = {" in refused
    assert refused.endswith(f"; it lies in {inbox / 'failed'}")
    with open_store(store) as opened:
        (run,) = opened.sql("FROM runs").to_pylist()
        assert (run["name"], run["state"]) == ("desk", "done")


def test_paths_in_a_job_file_start_from_its_folder(
    inbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = tmp_path / "job.toml"
    table = f'[live]\nfeed = "{inbox.name}"\npublish = "snapshot.duckdb"\nsymbols = "SPY"\n'
    table += 'intervals = ["1m"]\ncalendar = "XNYS"\ninterval = "1m"\n'
    job.write_text(f'store = "bars.duckdb"\n{table}timezone = "America/New_York"\nonce = true\n', encoding="utf-8")
    monkeypatch.setenv("BARHOUSE_STORE", str(tmp_path / "nowhere.duckdb"))
    done = RUNNER.invoke(cli, ["live", str(job)])
    assert done.exit_code == ExitCode.REJECTS, done.output
    with open_store(tmp_path / "bars.duckdb", read_only=True) as opened:
        assert opened.sql("SELECT count(*) AS n FROM bars").to_pylist() == [{"n": 1564}]
    read = LiveConfig.read(job)
    assert (read.feed, read.publish) == (str(inbox), tmp_path / "snapshot.duckdb")
    given = LiveConfig.read(job, feed="here", publish="here.duckdb")
    assert (given.feed, given.publish) == ("here", Path("here.duckdb"))
    for feed, read_as in (("folder:inbox", f"folder:{inbox}"), ("ws://host/x", "ws://host/x")):
        job.write_text(f'[live]\nfeed = "{feed}"\nsymbols = "SPY"\n', encoding="utf-8")
        assert LiveConfig.read(job).feed == read_as


@pytest.mark.parametrize(("every", "seconds"), [("0.5", 0.5), ("30s", 30.0), (None, 60.0)])
def test_how_often_is_published_is_said(
    inbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, every: str | None, seconds: float
) -> None:
    seen: list[float] = []
    session = LiveConfig.session
    monkeypatch.setattr(
        LiveConfig, "session", lambda self, store: seen.append(self.options.publish_seconds) or session(self, store)
    )
    monkeypatch.setenv("BARHOUSE_STORE", str(tmp_path / "bars.duckdb"))
    open_store(tmp_path / "bars.duckdb").close()
    line = ["live", "--feed", str(inbox), "--symbols", "SPY", "--intervals", "1m", "--calendar", "XNYS", "--once"]
    line += ["--interval", "1m", "--timezone", "America/New_York"]
    said = [] if every is None else ["--every", every]
    RUNNER.invoke(cli, [*line, *said, "--publish", str(tmp_path / "public.duckdb")])
    assert seen == [seconds]
    alone = RUNNER.invoke(cli, [*line, "--every", "30s"])
    assert (alone.exit_code, "say --publish, too" in alone.stderr) == (ExitCode.USAGE, True)


def test_a_store_that_is_named_goes_before_that_of_the_job_file(tmp_path: Path) -> None:
    job = tmp_path / "job.toml"
    job.write_text('store = "bars.duckdb"\n[live]\nfeed = "inbox"\nsymbols = "SPY"\n', encoding="utf-8")
    open_store(tmp_path / "bars.duckdb").close()
    done = RUNNER.invoke(cli, ["--store", str(tmp_path / "other.duckdb"), "live", str(job)])
    assert done.exit_code == ExitCode.STORE and "there is no store at" in done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"--timezone": None}, "1,564 stamps without a time zone; say which one they are in with --timezone"),
        ({"--timezone": "America/New_Yorck"}, "America/New_York"),
        (
            {"--timestamp-format": "%d.%m.%Y"},
            "--timestamp-format %d.%m.%Y does not fit stamps such as '2020-12-15 09:30:00', which are ISO 8601",
        ),
        ({"--column": "open=first"}, "has no column 'first' for open"),
        ({"--interval": "5m", "--intervals": None}, "SPY is loaded with 1m bars, not 5m"),
    ],
)
def test_options_that_fit_no_file_stop_the_session_before_one_is_moved(
    inbox: Path, options: dict[str, str | None], said: str
) -> None:
    store = str(inbox.parent / "bars.duckdb")
    with open_store(store) as opened:
        SessionCoordinator(opened).register("SPY", ["1m", "1d"], "XNYS")
    right = dict(zip(FOLDER[::2], FOLDER[1::2], strict=True))
    for one, code in ((right | options, ExitCode.BAD_INPUT), (right, ExitCode.REJECTS)):
        given = [text for name, value in one.items() if value is not None for text in (name, value)]
        done = RUNNER.invoke(cli, ["--store", store, "live", "--feed", str(inbox), *given, "--once"])
        assert done.exit_code == code, done.output
        if code == ExitCode.BAD_INPUT:
            assert said in done.stderr
            assert sorted(path.name for path in inbox.iterdir()) == ["a.csv", "b.csv"]
    with open_store(store) as opened:
        (run,) = opened.sql("SELECT state FROM runs").to_pylist()
        assert run["state"] == "done"
        assert opened.sql("SELECT count(*) AS n FROM bars WHERE interval = '1m'").to_pylist() == [{"n": 1564}]


def test_a_file_put_right_is_taken_when_it_comes_back(inbox: Path) -> None:
    store = str(inbox.parent / "bars.duckdb")
    cut = (inbox / "a.csv").read_bytes()
    (inbox / "b.csv").unlink()
    (inbox / "a.csv").rename(inbox / "a.csv.gz")  # not packed at all
    given = ["--store", store, "live", "--feed", str(inbox), *FOLDER, "--calendar", "XNYS", "--once"]
    done = RUNNER.invoke(cli, given)
    assert done.exit_code == ExitCode.REJECTS and "a.csv.gz cannot be read" in done.stderr
    failed = inbox / "failed"
    assert sorted(path.name for path in failed.iterdir()) == ["a.csv.gz", "a.csv.gz.why"]
    (failed / "a.csv.gz").write_bytes(gzip.compress(cut))
    (failed / "a.csv.gz").rename(inbox / "a.csv.gz")
    done = RUNNER.invoke(cli, given)
    assert done.exit_code == ExitCode.OK and "1,564 bars new" in done.stderr, done.output
    assert [path.name for path in (inbox / "loaded").iterdir()] == ["a.csv.gz"]


def test_a_folders_files_are_read_as_the_options_say(inbox: Path, tmp_path: Path) -> None:
    store = str(tmp_path / "bars.duckdb")
    (inbox / "b.csv").unlink()
    rows = ["a line before", "Moment;o;h;l;c", "27.11.2024 09:31;10;11;9;10", "27.11.2024 09:32;10;11;9;10"]
    (inbox / "a.csv").write_text("\n".join(rows), encoding="utf-8")
    os.utime(inbox / "a.csv", (1_700_000_000,) * 2)
    job = tmp_path / "job.toml"
    job.write_text(
        f'[live]\nfeed = "{inbox}"\nsymbols = "SPY"\nintervals = ["1m"]\ncalendar = "XNYS"\ninterval = "1m"\n'
        'timezone = "America/New_York"\nlabel = "end"\nskip_rows = 1\ntimestamp_format = "%Y"\n',
        encoding="utf-8",
    )
    given = ["--timestamp-format", "%d.%m.%Y %H:%M", "--no-volume", "--column", "bar_start=Moment", "--once"]
    done = RUNNER.invoke(cli, ["--store", store, "live", str(job), *given])
    assert done.exit_code == ExitCode.OK, done.output
    with open_store(store) as opened:
        starts = opened.bars("SPY", "1m")["bar_start"].to_pylist()
    assert [f"{one:%d %H:%M}" for one in starts] == ["27 14:30", "27 14:31"]


def test_a_file_whose_name_is_no_utf_8_is_refused_and_the_others_are_taken(inbox: Path) -> None:
    (inbox / "b.csv").rename(inbox / "caf\udce9.csv")
    store = str(inbox.parent / "bars.duckdb")
    given = ["--store", store, "live", "--feed", str(inbox), *FOLDER, "--calendar", "XNYS", "--once", "--json"]
    done = RUNNER.invoke(cli, given)
    assert done.exit_code == ExitCode.REJECTS, done.output
    status = json.loads(done.stdout)
    (refused,) = status["refused_files"]
    assert (status["inserted_count"], refused["path"]) == (1564, str(inbox / r"caf\xe9.csv"))
    assert "is no UTF-8" in refused["reason"] and (inbox / "failed" / "caf\udce9.csv").exists()


def test_several_files_refused_are_listed(inbox: Path) -> None:
    store = str(inbox.parent / "bars.duckdb")
    (inbox / "c.csv.gz").write_bytes(b"not packed")
    os.utime(inbox / "c.csv.gz", (1_700_000_002,) * 2)
    done = RUNNER.invoke(cli, ["--store", store, "live", "--feed", str(inbox), *FOLDER, "--calendar", "XNYS", "--once"])
    assert done.exit_code == ExitCode.REJECTS
    head, *files = done.stderr.splitlines()[-3:]
    assert head == f"2 files refused; they lie in {inbox / 'failed'}"
    assert [one.split()[0] for one in files] == ["b.csv", "c.csv.gz"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "say --feed"),
        (["--feed", "inbox", "--symbols", "SPY"], "there is no folder|say the interval"),
        (["--feed", "ftp://x", "--symbols", "SPY"], "is no feed; allowed are folder:, file:, redis://"),
        (["--feed", "redis://x", "--symbols", "SPY"], "must name the stream"),
        (["--feed", "ws://x"], "symbols"),
        (["missing.toml"], "cannot be read"),
        (["job.toml"], "has no table"),
        (["wrong.toml"], "seconds"),
    ],
)
def test_what_is_wrong_is_said(given: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    open_store("bars.duckdb").close()
    Path("job.toml").write_text("x = 1\n", encoding="utf-8")
    Path("wrong.toml").write_text('[live]\nfeed = "f"\nsymbols = ["A"]\noptions = { seconds = 1 }\n', encoding="utf-8")
    done = RUNNER.invoke(cli, ["--store", "bars.duckdb", "live", *given])
    assert done.exit_code in (2, 3)
    assert any(one in done.stderr for one in said.split("|")), done.stderr


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_with_everything_written(inbox: Path, sent: signal.Signals) -> None:
    store = inbox.parent / "bars.duckdb"
    command = [
        sys.executable,
        "-m",
        "barhouse",
        "--store",
        str(store),
        "live",
        "--feed",
        str(inbox),
        *FOLDER,
    ]
    child = subprocess.Popen(
        [*command, "--calendar", "XNYS", "--json"], stdout=subprocess.PIPE, text=True, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 60
    while not (inbox / "loaded" / "a.csv").exists():
        assert time.monotonic() < deadline and child.poll() is None
        time.sleep(0.05)
    child.send_signal(sent)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 0, err
    assert json.loads(out)["state"] == "stopped"
    with open_store(store) as opened:
        assert opened.sql("SELECT state FROM runs").to_pylist() == [{"state": "stopped"}]
