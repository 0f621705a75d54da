"""Which shards there are, and which files each is to look at; found once, for all of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import gettempdir

from barhouse.coordinator.cluster.publication import LakePlaces, changed_catalog
from barhouse.coordinator.cluster.shard_task import Generation, ShardFiles, ShardTask, SharedFile
from barhouse.coordinator.jobs.cluster_config import BARS_PER_SHARD, ClusterConfig
from barhouse.coordinator.jobs.config import JobConfig
from barhouse.coordinator.jobs.job_plan import Reader, found_by, missing, plan, readers_of
from barhouse.coordinator.jobs.other_names import OtherNames
from barhouse.coordinator.jobs.report import FileProblem
from barhouse.coordinator.sources.far_files import far_files
from barhouse.coordinator.sources.path_patterns import FoundFile
from barhouse.store.errors import ConfigError
from barhouse.store.lake.address import LakeAddress
from barhouse.store.lake.catalog import LakeCatalog, opened_catalog
from barhouse.store.model.paths import expanded
from barhouse.store.model.spelling import Spelling
from barhouse.store.model.symbol_range import SymbolRange, edges_of_equal_weight, ranges_between
from barhouse.store.places.address import FilePath, is_address
from barhouse.store.session_store import open_store

#: What a bar takes in a text file, about; others say how many they hold.
_TEXT_BYTES_PER_BAR = 60


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard as the lake has it.

    Attributes
    ----------
    generation
        The file that counts; None before the first.
    batch_id
        The newest batch in that.
    """

    number: int
    symbols: SymbolRange
    case_sensitive: bool
    generation: Generation | None
    batch_id: int
    bar_count: int
    revision_count: int


@dataclass(slots=True)
class JobFiles:
    """The files of a job.

    Attributes
    ----------
    by_pattern
        Those that each pattern matches, by the numbers of its source and its own, with how they are read.
    problems
        What is missing.
    """

    by_pattern: dict[tuple[int, int], tuple[Reader, list[FoundFile]]] = field(default_factory=dict)
    problems: list[FileProblem] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(len(files) for _, files in self.by_pattern.values())


def places_of(config: JobConfig, cluster: ClusterConfig) -> LakePlaces:
    """Where a job's cluster keeps what it publishes; paths start from the job file's folder."""

    def seen(given: str) -> str:
        return given.rstrip("/") if is_address(given) else str(config.at(Path(given)))

    return LakePlaces(LakeAddress.parse(cluster.lake, config.folder), seen(cluster.data), seen(cluster.stores))


def job_files(config: JobConfig, spelling: Spelling) -> JobFiles:
    """Find the files of a job, each by the first pattern of its source that matches it."""
    found = JobFiles()
    with far_files(Path(gettempdir())) as far:  # where nothing is brought, for nothing is read
        for number, source in enumerate(config.sources):
            _refuse_far(source.files)
            seen: set[FilePath] = set()
            readers = []
            for place, (pattern, reader) in enumerate(readers_of(config, number, OtherNames(), far)):
                files = [file for file in found_by(pattern, spelling) if file.path not in seen]
                seen.update(file.path for file in files)
                found.by_pattern[number, place] = (reader, files)
                readers.append((reader, bool(files)))
            found.problems += missing(number, readers)
    return found


def _refuse_far(patterns: Sequence[str]) -> None:
    """Refuse files of buckets, which each shard would have to bring to its machine.

    Raises
    ------
    ConfigError
        Naming the first.
    """
    for text in patterns:
        if is_address(text):
            raise ConfigError(
                f"files = {text!r} lie in a bucket, and sources of a job with a [cluster] table lie in folders that "
                f"all machines have; name such a folder"
            )


def _shared(file: FoundFile) -> SharedFile:
    return SharedFile(
        path=Path(str(file.path)),
        symbol=file.symbol,
        interval=file.interval,
        first_date=file.first_date,
        last_date=file.last_date,
        symbol_given=file.symbol_given,
    )


def shards_of(catalog: LakeCatalog) -> list[Shard]:
    """The shards of a lake, in the order of their symbols."""
    return [
        Shard(
            number=row.shard,
            symbols=SymbolRange(row.first_symbol, row.end_symbol),
            case_sensitive=row.case_sensitive,
            generation=None
            if row.generation is None
            else Generation(number=row.generation, file=row.file, size_bytes=row.size_bytes, digest=row.digest),
            batch_id=row.batch_id or 0,
            bar_count=row.bar_count or 0,
            revision_count=row.revision_count or 0,
        )
        for row in catalog.run("lake.shards")
    ]


def known_shards(places: LakePlaces) -> list[Shard]:
    """The shards of a lake that is there.

    Raises
    ------
    LakeError
        When there is none, or it cannot be reached.
    """
    with opened_catalog(places.address) as catalog:
        return shards_of(catalog)


def planned_shards(config: JobConfig, cluster: ClusterConfig, places: LakePlaces) -> list[Shard]:
    """The shards of a job's lake; planned, and the lake made, where there are none yet."""
    if places.address.file is None or places.address.file.exists():
        with changed_catalog(places, cluster.patience_seconds) as catalog:
            there = shards_of(catalog)
        if there:
            return there
    spelling = Spelling(case_sensitive=bool(config.case_sensitive))
    ranges = _first_ranges(config.spelled(spelling), cluster, job_files(config, spelling))
    with changed_catalog(places, cluster.patience_seconds) as catalog:
        there = shards_of(catalog)
        for number, symbols in enumerate([] if there else ranges, start=1):  # another may have been first
            catalog.run(
                "lake.write_shard",
                {
                    "shard": number,
                    "first_symbol": symbols.first,
                    "end_symbol": symbols.end,
                    "case_sensitive": spelling.case_sensitive,
                },
            )
        return there or shards_of(catalog)


def task_of(shard: Shard, config: JobConfig, cluster: ClusterConfig, places: LakePlaces, files: JobFiles) -> ShardTask:
    """What a shard has to do. It is judged with the others, so its own thresholds are none."""
    job = config.model_dump(mode="json", exclude_unset=True, exclude={"cluster"})
    job["thresholds"] = {"max_rejected": None}
    return ShardTask(
        shard=shard.number,
        first_symbol=shard.symbols.first,
        end_symbol=shard.symbols.end,
        generation=shard.generation,
        batch_id=shard.batch_id,
        job=job,
        folder=config.folder,
        files=tuple(
            ShardFiles(source=source, pattern=place, files=own)
            for (source, place), (reader, found) in files.by_pattern.items()
            if (own := tuple(_shared(file) for file in found if _concerns(shard.symbols, reader, file)))
        ),
        stores=places.stores,
        data=places.data,
        scratch=expanded(cluster.scratch) if cluster.scratch.is_absolute() else config.at(cluster.scratch),
    )


def _concerns(symbols: SymbolRange, reader: Reader, file: FoundFile) -> bool:
    """Whether a file may hold bars of some symbols: only its rows tell where neither path nor job does."""
    said = file.symbol if file.symbol is not None else reader.symbol
    return said is None or said in symbols


def _first_ranges(config: JobConfig, cluster: ClusterConfig, files: JobFiles) -> list[SymbolRange]:
    """Ranges of symbols that weigh alike, by the bars in the files that there are."""
    weights = _weights(config, files)
    total = sum(weights.values())
    count = cluster.shards or max(1, math.ceil(total / (cluster.bars_per_shard or BARS_PER_SHARD)))
    return ranges_between(edges_of_equal_weight(weights.items(), count))


def _weights(config: JobConfig, files: JobFiles) -> dict[str, float]:
    """About how many bars there are of each symbol."""
    weights: dict[str, float] = {}
    untold: set[int] = set()
    for (source, _), (reader, found) in files.by_pattern.items():
        for file in found:
            said = file.symbol if file.symbol is not None else reader.symbol
            if said is None:
                untold.add(source)
            else:
                weights[said] = weights.get(said, 0) + _bar_count(Path(str(file.path)))
    for symbols, path in _held(config, sorted(untold)):
        for symbol in symbols:
            weights[symbol] = weights.get(symbol, 0) + _bar_count(path) / len(symbols)
    return weights


def _held(config: JobConfig, sources: Sequence[int]) -> Iterable[tuple[tuple[str, ...], Path]]:
    """The symbols in the files of sources of which only the rows tell them."""
    if not sources:
        return []
    narrowed = config.model_copy(update={"sources": [config.sources[number] for number in sources]})
    with (
        open_store(":memory:", case_sensitive=config.case_sensitive) as store,
        far_files(Path(gettempdir())) as far,
    ):
        waiting = plan(store, narrowed, lambda *_: None, far).waiting
    return [
        (one.symbols, Path(str(one.file.path)))
        for one in waiting
        if one.file.symbol is None and one.reader.symbol is None
    ]


def _bar_count(path: Path) -> float:
    """About how many bars a file holds, without reading it."""
    if path.suffix == ".parquet":
        import pyarrow as pa
        from pyarrow import parquet

        try:
            return float(parquet.read_metadata(path).num_rows)
        except (OSError, pa.ArrowException):
            return 0.0  # whoever loads it says what is wrong
    try:
        return path.stat().st_size / _TEXT_BYTES_PER_BAR
    except OSError:
        return 0.0


def by_number(shards: Iterable[Shard]) -> Mapping[int, Shard]:
    """Shards by their numbers."""
    return {shard.number: shard for shard in shards}
