"""A part of a bucket with exported bars: one object per symbol, interval and month, and nothing else.

The manifest lies beside it as it does beside a folder: ``NAME.barhouse-export/manifest.json``; of a whole bucket, which
has nothing beside it, in ``_barhouse-export/`` within. A bucket has no locks. So the manifest, and every object, is
written under the condition that it is still the one that was seen: of two exports at once one is told, and can undo
nothing of the other. The manifest knows each object's ETag, by which what somebody else put there is found.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from barhouse.store.copies.export_folder import MANIFEST
from barhouse.store.copies.export_manifest import Manifest, PartitionState
from barhouse.store.errors import InputError, PlaceTakenError, StoreError
from barhouse.store.places.address import Address
from barhouse.store.places.place import Place, fetch, open_place, read
from barhouse.store.places.placed_file import PlacedFile
from barhouse.store.places.scratch_folder import scratch_folder

#: Larger ones are sent in parts, which knows no condition.
_LARGEST_WHOLE = 256 << 20
_BESIDE = ".barhouse-export"
_INSIDE = "_barhouse-export"


@dataclass(slots=True)
class ExportBucket:
    """Exported bars in a bucket, ``place``; what is not bars is in ``own``, and files on their way in ``scratch``."""

    place: Place
    own: Place
    scratch: Path
    objects: dict[str, PlacedFile] = field(default_factory=dict)
    noted: PlacedFile | None = None

    @property
    def target(self) -> str:
        """What reports call it."""
        return str(self.place)

    @property
    def is_of_before(self) -> bool:
        """No export into a bucket had its manifest elsewhere."""
        return False

    def manifest(self) -> Manifest | None:
        """Read what it holds; None for one that is new or empty.

        Raises
        ------
        InputError
            Something else is there.
        """
        self.objects = {file.name: file for file in self.place.files() if not file.name.startswith(f"{_INSIDE}/")}
        found = read(self.own, MANIFEST)
        if found is None:
            if self.objects:
                raise InputError(
                    f"{self.place} holds {min(self.objects)}, and there is no {self.own.full_name(MANIFEST)}, so it is "
                    f"no export; name another place, or one that is empty"
                )
            return None
        data, self.noted = found
        # What was exported may have been removed: then nothing is there, whatever lies beside it.
        return Manifest.of_json(data, self.own.full_name(MANIFEST)) if self.objects else None

    def note(self, manifest: Manifest) -> None:
        """Write down what it holds, unless somebody else did since this was read."""
        with self._alone():
            self.noted = self.own.write(manifest.as_json(), MANIFEST, after=self.noted, absent=self.noted is None)

    def holds(self, place: str, suffix: str, state: PartitionState) -> bool:
        """Whether a partition's object is there as it was left."""
        file = self.objects.get(_name(place, suffix))
        return file is not None and (file.size_bytes, file.version) == (state.size_bytes, state.version)

    def held(self, place: str, suffix: str) -> Path | None:
        """Bring a partition's object here to be read; None where there is none."""
        name = _name(place, suffix)
        if name not in self.objects:
            return None
        file = self.scratch / "held"
        file.unlink(missing_ok=True)
        fetch(self.place, name, file)
        return file

    def part(self, number: int) -> Path:
        """Name what a partition's file is written as before it is sent."""
        return self.scratch / f"{number}.part"

    def settle(self, parts: Mapping[str, Path], suffix: str) -> dict[str, str | None]:
        """Send the files of partitions; returns their ETags."""
        versions: dict[str, str | None] = {}
        for place, part in parts.items():
            name = _name(place, suffix)
            with self._alone():
                self.objects[name] = self._sent(part, name)
            versions[place] = self.objects[name].version
            part.unlink()
            self._remove(other for other in self._of(place) if other != name)
        return versions

    def clear_parts(self) -> None:
        """Leave what is on this machine to the end of the export."""

    def remove(self, place: str) -> None:
        """Remove a partition's objects of all formats."""
        self._remove(self._of(place))

    def _sent(self, part: Path, name: str) -> PlacedFile:
        if part.stat().st_size > _LARGEST_WHOLE:
            return self.place.put(part, name)
        before = self.objects.get(name)
        return self.place.write(part.read_bytes(), name, after=before, absent=before is None)

    def _of(self, place: str) -> list[str]:
        return [name for name in self.objects if name.startswith(f"{place}/bars.")]

    def _remove(self, names: Iterable[str]) -> None:
        gone = list(names)
        self.place.remove(gone)
        for name in gone:
            del self.objects[name]

    @contextmanager
    def _alone(self) -> Iterator[None]:
        try:
            yield
        except PlaceTakenError as error:
            raise StoreError(
                f"another export is writing into {self.place}; wait for it, and export again ({error})"
            ) from error


@contextmanager
def prepared_bucket(address: Address, beside: Path) -> Iterator[ExportBucket]:
    """Open a part of a bucket for an export, with a scratch folder beside the store for what is on its way.

    Raises
    ------
    PlaceError
        The bucket cannot be reached, or refuses.
    """
    place = open_place(address)
    own = open_place(address.parent / f"{address.name}{_BESIDE}" if address.key else address / _INSIDE)
    with scratch_folder(beside) as scratch:
        yield ExportBucket(place, own, scratch)


def _name(place: str, suffix: str) -> str:
    return f"{place}/bars.{suffix}"
