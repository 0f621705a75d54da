"""Places: a folder and a bucket do the same, and say what is wrong in words that hold no secret."""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest

from barhouse.store.errors import InputError, PlaceError, PlaceMissingError, PlaceTakenError
from barhouse.store.places.access import Access
from barhouse.store.places.address import Address, as_address, is_address
from barhouse.store.places.place import Place, fetch, open_place, read, split_place
from tests.s3_server import KEY, READER_KEY, READER_SECRET, S3Server


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "folder":
        return open_place(tmp_path / "shared" / "stores")
    return open_place(f"{request.getfixturevalue('bucket')}/stores")


def names(place: Place, folder: str = "") -> dict[str, int]:
    return {file.name: file.size_bytes for file in place.files(folder)}


def test_what_is_put_is_listed_looked_at_and_read(place: Place, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(os.urandom(9_000_001))
    assert names(place) == {}
    put = place.put(source, "shard00001/1.duckdb")
    place.write(b"small", "symbol=A%2FB/é x+y&z#?.csv")
    place.write(b"", "empty")
    assert names(place) == {"shard00001/1.duckdb": 9_000_001, "symbol=A%2FB/é x+y&z#?.csv": 5, "empty": 0}
    assert names(place, "shard00001") == {"shard00001/1.duckdb": 9_000_001}
    assert names(place, "shard0000") == {}
    assert put == place.look("shard00001/1.duckdb")
    assert fetch(place, "shard00001/1.duckdb", tmp_path / "got") == put
    assert (tmp_path / "got").read_bytes() == source.read_bytes()
    assert read(place, "empty") == (b"", place.look("empty"))
    found = read(place, "symbol=A%2FB/é x+y&z#?.csv")
    assert found is not None and found[0] == b"small"
    place.remove(["empty", "never-there", "shard00001/1.duckdb"])
    assert list(names(place)) == ["symbol=A%2FB/é x+y&z#?.csv"]
    assert read(place, "empty") is None


def test_a_file_that_is_replaced_is_never_read_half_and_half(place: Place, tmp_path: Path) -> None:
    place.write(b"a" * 9_000_000, "x")
    before = place.look("x")
    pieces = place.pieces(before)
    first = next(pieces)
    place.write(b"b" * 9_000_000, "x")
    try:
        assert first + b"".join(pieces) == b"a" * 9_000_000  # whoever has a file open keeps it
    except PlaceTakenError as error:
        assert "x was replaced while it was read; read it again" in str(error)
    with pytest.raises(PlaceTakenError):
        b"".join(place.pieces(before))
    with pytest.raises(PlaceTakenError):
        place.open(before).read()
    assert place.look("x").version != before.version
    place.remove(["x"])
    with pytest.raises(PlaceError):
        b"".join(place.pieces(before))
    with pytest.raises(PlaceMissingError, match="there is no"):
        fetch(place, "x", tmp_path / "got")
    assert not (tmp_path / "got").exists()


def test_of_many_that_write_at_once_one_is_first(place: Place) -> None:
    place.write(b"0", "pointer")
    seen = place.look("pointer")
    assert len(race(lambda data: place.write(data, "generation", absent=True))) == 1
    assert len(race(lambda data: place.write(data, "pointer", after=seen))) == 1
    data, now = read(place, "pointer") or (b"", None)
    assert data.startswith(b"writer") and now != seen
    with pytest.raises(PlaceTakenError, match="written by somebody else"):
        place.write(b"late", "pointer", after=seen)
    with pytest.raises(PlaceTakenError, match="written by somebody else"):
        place.write(b"late", "generation", absent=True)
    # The same once more is the first try, whose answer may have been lost.
    first = b"".join(place.pieces(place.look("generation")))
    assert place.write(first, "generation", absent=True) == place.look("generation")


def race(write: Callable[[bytes], object]) -> list[int]:
    """Let eight write at the same moment; those who were not told that somebody else did."""
    gate = threading.Barrier(8)
    won: list[int] = []

    def run(number: int) -> None:
        gate.wait()
        try:
            write(f"writer {number}".encode())
        except PlaceTakenError:
            return
        won.append(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return won


def test_parts_of_a_file_are_read(place: Place, tmp_path: Path) -> None:
    with ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("noise", os.urandom(3_000_000))
        archive.writestr("bars.csv", "a,b\n1,2\n")
    place.put(tmp_path / "a.zip", "a.zip")
    with place.open(place.look("a.zip")) as opened, ZipFile(opened) as archive:
        assert archive.namelist() == ["noise", "bars.csv"]
        assert archive.read("bars.csv") == b"a,b\n1,2\n"
        assert archive.testzip() is None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("s3://", "is no bucket"),
        ("s3:///key", "is no bucket"),
        ("s3://b", "is no bucket"),
        ("s3://bars/a//b", "may be empty"),
        ("s3://bars/../b", "may be empty"),
        ("s3://bars/a\nb", "unprintable"),
        ("s3://bars/" + "x" * 1025, "at most 1024 bytes"),
    ],
)
def test_an_address_that_nothing_can_have_is_refused(given: str, said: str) -> None:
    assert is_address(given)
    with pytest.raises(InputError, match=said):
        as_address(given)


def test_addresses_are_told_from_paths() -> None:
    assert not is_address("bars/in.csv") and not is_address(Path("/s3/bars")) and not is_address(None)
    for given in ("s3://bars/in/SPY.csv", Path("s3://bars/in/SPY.csv"), Address("s3://bars/in/SPY.csv")):
        assert is_address(given)
        address = as_address(given)
        assert (str(address), address.bucket, address.key) == ("s3://bars/in/SPY.csv", "bars", "in/SPY.csv")
    assert str(as_address("s3://bars/")) == str(as_address("s3://bars")) == "s3://bars"
    assert os.fspath(as_address("s3://bars/in") / "x") == "s3://bars/in/x"
    with pytest.raises(InputError, match=r"no files are read or written by gs://; allowed are s3://BUCKET/PATH"):
        is_address("gs://bars/in.csv")


def test_an_address_without_a_path_is_the_bucket(bucket: str) -> None:
    place = open_place(bucket)
    place.write(b"1", "top")
    assert names(place) == {"top": 1}
    inner, name = split_place(f"{bucket}/top")
    assert (str(inner), name, inner.look(name).size_bytes) == (bucket, "top", 1)


def test_names_do_not_lead_out_of_a_place(place: Place) -> None:
    for name in ("../x", "a//b", "", "a/./b"):
        with pytest.raises(InputError):
            place.write(b"1", name)


def test_a_bucket_that_is_not_there_is_said(bucket: str) -> None:
    place = open_place("s3://never-made/in")
    for ask in (
        lambda: list(place.files()),
        lambda: place.look("x"),
        lambda: place.write(b"1", "x"),
        lambda: place.write(b"1", "x", absent=True),
    ):
        with pytest.raises(PlaceMissingError, match="there is no bucket never-made"):
            ask()


@pytest.mark.parametrize(
    ("key", "secret", "said"),
    [
        ("stranger", "any", "does not know the access key"),
        (KEY, "not-the-secret", "secret key is not that of the access key"),
        (READER_KEY, READER_SECRET, "does not allow that"),
    ],
)
def test_a_refusal_says_why_and_never_who_asked(
    bucket: str, key: str, secret: str, said: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    open_place(bucket).write(b"1", "x")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    place = open_place(bucket)
    with pytest.raises(PlaceError, match=said) as caught:
        place.write(b"1", "y")
    if key == READER_KEY:
        assert place.look("x").size_bytes == 1
    shown = f"{caught.value}{caught.value.__cause__}{place!r}{Access.found()!r}{caplog.text}"
    assert caught.value.__suppress_context__
    for hidden in (f"'{key}'", f"={key}", secret, "Signature"):
        assert hidden not in shown


def test_a_server_that_is_away_is_said_and_found_again(bucket: str, s3_server: S3Server) -> None:
    place = open_place(bucket)
    place.write(b"a" * 20_000_000, "large")
    pieces = place.pieces(place.look("large"))
    next(pieces)
    s3_server.stop()
    try:
        for ask in (
            lambda: list(pieces),
            lambda: list(place.files()),
            lambda: place.look("large"),
            lambda: place.write(b"1", "small"),
            lambda: place.remove(["large"]),
        ):
            with pytest.raises(PlaceError, match="cannot be reached: its server does not answer"):
                ask()
    finally:
        s3_server.start()
    assert names(place) == {"large": 20_000_000}


# Who asks, and whom


def test_access_is_read_as_other_programs_read_it(tmp_path: Path) -> None:
    credentials, config = tmp_path / "credentials", tmp_path / "config"
    credentials.write_text(
        "[default]\naws_access_key_id=d\naws_secret_access_key=ds\n"
        "[night]\naws_access_key_id = n%1\naws_secret_access_key = ns\n"
    )
    config.write_text(
        "[default]\nregion=eu-west-1\n[profile night]\nregion = eu-north-1\nendpoint_url = http://127.0.0.1:1\n"
    )
    files = {"AWS_SHARED_CREDENTIALS_FILE": str(credentials), "AWS_CONFIG_FILE": str(config)}
    one = Access.found(files)
    assert (one.key_id, one.secret, one.region, one.endpoint, one.attempts) == ("d", "ds", "eu-west-1", None, 8)
    one = Access.found({**files, "AWS_PROFILE": "night", "AWS_MAX_ATTEMPTS": "3"})
    assert (one.key_id, one.secret, one.region, one.attempts) == ("n%1", "ns", "eu-north-1", 3)
    assert one.endpoint == "http://127.0.0.1:1"
    one = Access.found({**files, "AWS_ACCESS_KEY_ID": "e", "AWS_SECRET_ACCESS_KEY": "es", "AWS_SESSION_TOKEN": "t"})
    assert (one.key_id, one.secret, one.token) == ("e", "es", "t")
    one = Access.found({"HOME": str(tmp_path), "AWS_ENDPOINT_URL": "http://a", "AWS_ENDPOINT_URL_S3": "http://b"})
    assert (one.key_id, one.endpoint) == (None, "http://b")


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"AWS_ACCESS_KEY_ID": "SECRET"}, "one is missing"),
        ({"AWS_ENDPOINT_URL": "SECRET:9000"}, "no address of a server"),
        ({"AWS_MAX_ATTEMPTS": "0"}, "from 1 to 100"),
        ({"AWS_PROFILE": "nobody"}, "there is no profile nobody"),
        ({"AWS_CONFIG_FILE": "{folder}/torn"}, "cannot be read as a file of profiles"),
    ],
)
def test_access_that_makes_no_sense_is_refused(environment: dict[str, str], said: str, tmp_path: Path) -> None:
    (tmp_path / "torn").write_text("[default\nSECRET")
    given = {"HOME": str(tmp_path), **{name: text.format(folder=tmp_path) for name, text in environment.items()}}
    with pytest.raises(InputError, match=said) as caught:
        Access.found(given)
    assert "SECRET" not in str(caught.value).replace("AWS_SECRET_ACCESS_KEY", "")
    assert caught.value.__cause__ is None
    assert json.dumps(str(caught.value))


def test_without_the_package_a_bucket_says_what_to_install(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    monkeypatch.delitem(sys.modules, "barhouse.store.places.bucket", raising=False)
    with pytest.raises(InputError, match=r"need the package obstore: install barhouse\[s3\]"):
        open_place(bucket)
