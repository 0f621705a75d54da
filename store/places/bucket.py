"""Buckets of an object store that speaks S3, as places."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta
from functools import lru_cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from barhouse.store.errors import InputError, PlaceMissingError, PlaceTakenError
from barhouse.store.places.access import Access
from barhouse.store.places.address import Address, as_address
from barhouse.store.places.placed_file import PlacedFile

try:
    import obstore
    from obstore.store import S3Store

    from barhouse.store.places.refusal import told
except ImportError as error:
    raise InputError(
        "files in buckets need the package obstore: install barhouse[s3], or pip install obstore"
    ) from error

if TYPE_CHECKING:
    from obstore import ObjectMeta

#: What a request brings or takes, and how long it may take: 8 MB in a minute.
_PIECE_BYTES = 8 << 20
_TIMEOUT = timedelta(seconds=60)
#: What a request brings of a file that is read here and there.
_LOOKED_AT_BYTES = 1 << 18
_PARTS_AT_ONCE = 4
#: S3 allows 10,000 parts.
_MOST_PARTS = 9_000


@dataclass(frozen=True, slots=True)
class BucketPlace:
    """Those objects of a bucket whose names begin alike; see ``Place``."""

    root: Address
    _store: S3Store

    @classmethod
    def of(cls, root: Address) -> BucketPlace:
        """Reach a bucket as the environment says; nothing is asked of the server yet."""
        return cls(root, _store(root.bucket, Access.found()))

    def __str__(self) -> str:
        return str(self.root)

    def full_name(self, name: str) -> str:
        """Give the address of an object."""
        return f"{self.root}/{name}"

    def files(self, folder: str = "", *, deep: bool = True) -> Iterator[PlacedFile]:
        """List objects, a thousand in a request."""
        within = self._key(folder) if folder else self.root.key
        skipped = len(self.root.key) + 1 if self.root.key else 0
        with told(self.full_name(folder) if folder else str(self)):
            found_in: Iterable[Sequence[ObjectMeta]] = (
                obstore.list(self._store, within or None, chunk_size=1_000)
                if deep
                else [obstore.list_with_delimiter(self._store, within or None)["objects"]]
            )
            for chunk in found_in:
                for found in chunk:
                    yield _placed(found, found["path"][skipped:])

    def look(self, name: str) -> PlacedFile:
        """Look at an object."""
        try:
            with told(self.full_name(name)):
                return _placed(obstore.head(self._store, self._key(name)), name)
        except PlaceMissingError:
            with told(self.full_name(name)):  # which says whether it is the bucket that is missing
                next(iter(obstore.list(self._store, self._key(name), chunk_size=1)), None)
            raise

    def pieces(self, file: PlacedFile) -> Iterator[bytes]:
        """Read an object, each piece by a request of its own that asks for that version."""
        for start in range(0, file.size_bytes, _PIECE_BYTES):
            end = min(start + _PIECE_BYTES, file.size_bytes)
            try:
                with told(self.full_name(file.name)):
                    found = obstore.get(
                        self._store, self._key(file.name), options={"if_match": file.version, "range": (start, end)}
                    )
                    piece = bytes(found.bytes())
            except PlaceMissingError:
                raise PlaceTakenError(f"{self.full_name(file.name)} was removed while it was read") from None
            except PlaceTakenError:
                raise PlaceTakenError(
                    f"{self.full_name(file.name)} was replaced while it was read; read it again"
                ) from None
            if len(piece) != end - start:
                raise PlaceTakenError(f"{self.full_name(file.name)} came torn: {len(piece)} bytes of {end - start}")
            yield piece

    def open(self, file: PlacedFile) -> IO[bytes]:
        """Open an object to read parts of it."""
        from barhouse.store.places.far_file import FarFile

        far = FarFile(self._store, self._key(file.name), file, self.full_name(file.name))
        return io.BufferedReader(far, _LOOKED_AT_BYTES)

    def put(self, source: Path, name: str) -> PlacedFile:
        """Send a file in parts, which become the object together, when all are there."""
        size_bytes = source.stat().st_size
        with told(self.full_name(name)):
            obstore.put(
                self._store,
                self._key(name),
                source,
                use_multipart=size_bytes > _PIECE_BYTES,
                chunk_size=max(_PIECE_BYTES, -(-size_bytes // _MOST_PARTS)),
                max_concurrency=_PARTS_AT_ONCE,
            )
        found = self.look(name)
        if found.size_bytes != size_bytes:
            raise PlaceTakenError(
                f"{self.full_name(name)} has {found.size_bytes:,} bytes, not the {size_bytes:,} that were sent; send "
                f"it again"
            )
        return found

    def write(self, data: bytes, name: str, *, after: PlacedFile | None = None, absent: bool = False) -> PlacedFile:
        """Write a small object, and be told when somebody else did."""
        mode: Any = "create" if absent else "overwrite" if after is None else {"e_tag": after.version}
        try:
            with told(self.full_name(name)):
                obstore.put(self._store, self._key(name), data, mode=mode, use_multipart=False)
        except (PlaceTakenError, PlaceMissingError):
            found = self.look(name)
            if found.size_bytes != len(data) or b"".join(self.pieces(found)) != data:
                raise
        return self.look(name)

    def copy(self, name: str, other: str) -> None:
        """Copy an object where it is; servers do it up to 5 GB."""
        with told(self.full_name(other)):
            obstore.copy(self._store, self._key(name), self._key(other))

    def remove(self, names: Iterable[str]) -> None:
        """Remove objects, many in a request."""
        keys = [self._key(name) for name in names]
        if keys:
            with told(str(self)):
                obstore.delete(self._store, keys)

    def _key(self, name: str) -> str:
        if not name:
            raise InputError(f"{self} is no object; name one in it")
        return as_address(self.full_name(name)).key


def _placed(found: ObjectMeta, name: str) -> PlacedFile:
    version = found["e_tag"] or ""
    return PlacedFile(name, found["size"], found["last_modified"].astimezone(UTC), version)


@lru_cache(maxsize=16)
def _store(bucket: str, access: Access) -> S3Store:
    """Connections are kept for as long as who asks stays the same."""
    said: dict[str, Any] = {
        "endpoint": access.endpoint,
        "region": access.region,
        "access_key_id": access.key_id,
        "secret_access_key": access.secret,
        "session_token": access.token,
        "skip_signature": access.unsigned or None,
    }
    return S3Store(
        bucket,
        **{name: value for name, value in said.items() if value is not None},
        client_options={"allow_http": (access.endpoint or "").startswith("http://"), "timeout": _TIMEOUT},
        retry_config={"max_retries": access.attempts - 1, "retry_timeout": _TIMEOUT},
    )
