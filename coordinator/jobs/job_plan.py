"""What a job has to do: which files are new, whose bars they hold, and what can be registered from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from urllib.parse import unquote

from barhouse.coordinator.jobs import file_contents
from barhouse.coordinator.jobs.config import JobConfig, SourceConfig, SymbolGroup
from barhouse.coordinator.jobs.discovery import LoadedFiles
from barhouse.coordinator.jobs.file_contents import SymbolBars
from barhouse.coordinator.jobs.job_share import JobShare
from barhouse.coordinator.jobs.other_names import OtherNames
from barhouse.coordinator.jobs.report import FileProblem
from barhouse.coordinator.load.columns import is_pattern
from barhouse.coordinator.sources.far_files import FarFiles
from barhouse.coordinator.sources.opening import open_source
from barhouse.coordinator.sources.options import LoadOptions
from barhouse.coordinator.sources.path_patterns import FoundFile, PathPattern, find
from barhouse.coordinator.sources.source import Source
from barhouse.store.database.transaction import Transaction
from barhouse.store.errors import ConfigError, InputError, PlaceMissingError, SourceError
from barhouse.store.model.interval import Interval
from barhouse.store.model.paths import printable
from barhouse.store.model.spelling import Spelling
from barhouse.store.model.symbol_range import SymbolRange
from barhouse.store.places.address import Address, FilePath
from barhouse.store.places.place import open_place
from barhouse.store.session_store import SessionStore

#: So many files are looked into, or loaded, together; of those loaded no more than so many bytes, unless one has more.
GROUP_FILES = 200
GROUP_BYTES = 200_000_000

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Reader:
    """How the files of one pattern of a source are read.

    Attributes
    ----------
    pattern, root
        The pattern, and the folder that its files lie in.
    expression
        What tells the symbol from a path, where the pattern names it.
    options
        How files are loaded; its ``symbols`` are those wanted of files with many.
    symbol
        Whose bars all the files hold, where the job says so.
    within
        Which symbols' bars are looked at; None: all of them.
    """

    config: SourceConfig
    pattern: str
    root: FilePath
    expression: str | None
    options: LoadOptions
    symbol: str | None
    folder: Path
    far: FarFiles
    within: SymbolRange | None = None

    def open(self, files: Sequence[FoundFile]) -> Source:
        """Open files as one source, named by their paths in the job's folder; those in buckets are brought here."""
        source = self.far.brought(open_source([str(file.path) for file in files], self.options))
        more = f" and {len(files) - 1} more" if len(files) > 1 else ""
        return replace(
            source,
            name=self.shown(files[0].path) + more,
            partitions=False,
            path_symbol=self.expression,
            within=self.within,
        )

    def stated(self, file: FoundFile) -> str | None:
        """The interval of a file's bars, where its path or the job says so."""
        return file.interval or self.config.interval

    def shown(self, path: FilePath) -> str:
        """A path as reports have it."""
        if isinstance(path, Address):
            return str(path)
        return printable(path.relative_to(self.folder) if path.is_relative_to(self.folder) else path)

    @property
    def kind_of_root(self) -> str:
        """What messages call where its files would lie."""
        return "bucket for" if isinstance(self.root, Address) else "folder"

    def has_folder(self) -> bool:
        """Whether the folder, or the bucket, that its files would lie in is there."""
        if not isinstance(self.root, Address):
            return self.root.is_dir()
        try:
            next(iter(open_place(self.root).files()), None)
        except PlaceMissingError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Waiting:
    """A file to load: how, whose bars it holds, and how long they are."""

    reader: Reader
    file: FoundFile
    symbols: tuple[str, ...]
    held: SymbolBars


@dataclass(slots=True)
class JobPlan:
    """What there is to do.

    Attributes
    ----------
    found, known
        How many files there are, and how many of them were loaded before and have not changed since.
    available
        For each symbol the intervals that new files hold.
    problems
        What is wrong with files, found without loading them.
    names
        What files may call symbols that are registered by another name.
    """

    waiting: list[Waiting] = field(default_factory=list)
    found: int = 0
    known: int = 0
    available: dict[str, set[str]] = field(default_factory=dict)
    problems: list[FileProblem] = field(default_factory=list)
    names: OtherNames = field(default_factory=OtherNames)


def plan(
    store: SessionStore, config: JobConfig, progress: Progress, far: FarFiles, share: JobShare | None = None
) -> JobPlan:
    """Look for files that are new or changed, and into those whose paths do not say it all.

    With a ``share`` only its files are looked at, and only its symbols in them.
    """
    with store.reading() as transaction:
        loaded = LoadedFiles(transaction)
        made = JobPlan(names=OtherNames.read(transaction))
    for number in range(len(config.sources)):
        readers = _readers(config, number, store.spelling, made.names, far, share)
        new: list[tuple[Reader, FoundFile]] = []
        seen: set[FilePath] = set()
        for reader, matching in readers:
            files = [file for file in matching if file.path not in seen]
            seen.update(file.path for file in files)
            made.found += len(files)
            files = _alike(reader, files, made, store.spelling)
            fresh = [file for file in files if not loaded.has(file, reader.options, reader.symbol, reader.stated(file))]
            made.known += len(files) - len(fresh)
            new += [(reader, file) for file in fresh]
        if share is None:
            made.problems += missing(number, [(reader, bool(files)) for reader, files in readers])
        done = 0
        for reader, files in _together(new):
            _look_into(store, reader, files, config.symbols, made)
            done += len(files)
            progress("reading", done, len(new))
    return made


def missing(number: int, readers: Sequence[tuple[Reader, bool]]) -> list[FileProblem]:
    """What a source lacks: the folders of its files, or any file; each reader with whether it found one."""
    any_found = any(found for _, found in readers)
    gone = [reader for reader, found in readers if not found and not reader.has_folder()]
    if gone or any_found:
        return [
            FileProblem(
                path=reader.pattern,
                kind="no folder",
                what=f"sources[{number}]: there is no {reader.kind_of_root} {reader.shown(reader.root)}",
            )
            for reader in gone
        ]
    patterns = ", ".join(readers[0][0].config.files)
    return [FileProblem(path=patterns, kind="missing", what=f"sources[{number}] matches no file")]


def _alike(reader: Reader, files: Sequence[FoundFile], made: JobPlan, spelling: Spelling) -> list[FoundFile]:
    """The files without those whose paths name symbols that differ in case alone, which are failures."""
    spelled: dict[str, set[str]] = {}
    for file in files:
        spelled.setdefault(str(file.symbol), set()).add(str(file.symbol_given))
    alike = []
    for file in files:
        try:
            spelling.refuse_alike(sorted(spelled[str(file.symbol)]), reader.pattern)
            alike.append(file)
        except InputError as error:
            _fail(made, reader, file, str(error))
    return alike


def _readers(
    config: JobConfig, number: int, spelling: Spelling, names: OtherNames, far: FarFiles, share: JobShare | None
) -> list[tuple[Reader, list[FoundFile]]]:
    """One for each pattern of a source, since each says symbols in its own way; with the files it matches."""
    if share is None:
        return [(reader, found_by(pattern, spelling)) for pattern, reader in readers_of(config, number, names, far)]
    return [
        (replace(reader, within=share.symbols), list(share.files.get((number, place), ())))
        for place, (_, reader) in enumerate(readers_of(config, number, names, far))
    ]


def found_by(pattern: PathPattern, spelling: Spelling) -> list[FoundFile]:
    """The files that a pattern matches, their symbols in their one spelling."""
    try:
        found = find([pattern])
    except PlaceMissingError:  # a bucket that is missing will be told as a folder is
        found = []
    return [file if file.symbol is None else replace(file, symbol=spelling.of(file.symbol)) for file in found]


def readers_of(config: JobConfig, number: int, names: OtherNames, far: FarFiles) -> list[tuple[PathPattern, Reader]]:
    """How the files of each pattern of a source are read.

    Raises
    ------
    ConfigError
        For a pattern that is none.
    """
    source = config.sources[number]
    made = []
    for text in source.files:
        try:
            pattern = PathPattern.parse(text, config.folder)
        except InputError as error:
            raise ConfigError(f"files = {error}") from None
        by_path = pattern.symbol_expression is not None
        options = source.options(None if by_path or source.symbol else _chosen(config, source, names))
        if by_path:
            options = options.but(columns={**options.columns, "symbol": "path_symbol"})
        reader = Reader(
            source, text, pattern.root, pattern.symbol_expression, options, source.symbol, config.folder, far
        )
        made.append((pattern, reader))
    return made


def _chosen(config: JobConfig, source: SourceConfig, names: OtherNames) -> list[str] | None:
    """The symbols wanted of files with many, by whatever name; None for all of them."""
    wanted = source.symbols or sorted({name for group in config.symbols for name in group.names})
    if "*" in wanted:
        return None
    others = names.names_for(lambda symbol: any(fnmatchcase(symbol, name) for name in wanted), source.vendor)
    return list(dict.fromkeys([*wanted, *others]))


def group_of(symbol: str, groups: Iterable[SymbolGroup]) -> SymbolGroup | None:
    """The group that names a symbol, or else the first with a pattern for it."""
    listed = list(groups)
    named = next((group for group in listed if symbol in group.names), None)
    return named or next((group for group in listed if any(fnmatchcase(symbol, name) for name in group.names)), None)


def _together(files: Sequence[tuple[Reader, FoundFile]]) -> list[tuple[Reader, list[FoundFile]]]:
    """Files whose paths say whose they are can be looked into together; others are by themselves."""
    made: list[tuple[Reader, list[FoundFile]]] = []
    for reader, file in files:
        joins = made and made[-1][0] is reader and reader.expression is not None
        if joins and len(made[-1][1]) < GROUP_FILES:
            made[-1][1].append(file)
        else:
            made.append((reader, [file]))
    return made


def _look_into(
    store: SessionStore, reader: Reader, files: Sequence[FoundFile], groups: Sequence[SymbolGroup], made: JobPlan
) -> None:
    """Add files to the plan, or what is wrong with them; a group that cannot be read is looked into by halves."""
    try:
        # One transaction for each try: a failed read leaves nothing to go on with.
        with store.reading() as transaction:
            held = _held(transaction, reader, files)
    except InputError as error:
        if len(files) > 1:
            middle = len(files) // 2
            for half in (files[:middle], files[middle:]):
                _look_into(store, reader, half, groups, made)
        else:
            _fail(made, reader, files[0], str(error))
        return
    for file in files:
        try:
            _add(reader, file, held[file], groups, made, store.spelling)
        except InputError as error:
            _fail(made, reader, file, str(error))


def _held(
    transaction: Transaction, reader: Reader, files: Sequence[FoundFile]
) -> dict[FoundFile, dict[str, SymbolBars]]:
    """What each file holds, by symbol."""
    if reader.expression is None:
        (file,) = files
        options = reader.options.but(symbols=None)
        if reader.symbol is not None:
            options = options.but(columns={**options.columns, "symbol": None})
        interval = reader.stated(file)
        return {file: file_contents.holdings(transaction, reader.open(files), options, interval)}
    found: dict[FoundFile, dict[str, SymbolBars]] = {}
    to_read: dict[str, FoundFile] = {}
    for file in files:
        interval = reader.stated(file)
        if interval is None:
            to_read[str(file.path)] = file
        else:
            found[file] = {str(file.symbol): SymbolBars(interval, regular=True)}
    if to_read:
        # Told apart by path, so that each file shows its own interval.
        source = replace(reader.open(list(to_read.values())), path_symbol="(.*)")
        rows = file_contents.holdings(transaction, source, reader.options, None)
        for path, file in to_read.items():
            found[file] = {str(file.symbol): rows.get(unquote(path), SymbolBars(None, regular=False))}
    return found


def _add(
    reader: Reader,
    file: FoundFile,
    held: dict[str, SymbolBars],
    groups: Sequence[SymbolGroup],
    made: JobPlan,
    spelling: Spelling,
) -> None:
    if reader.symbol is not None:
        held = {reader.symbol: next(iter(held.values()), SymbolBars(None, regular=False))}
    elif "" in held:
        del held[""]  # rows without a symbol; the load counts them
        if not held:
            raise SourceError(
                f"{reader.shown(file.path)} has no column that names the symbol; say symbol = in its source, put "
                f"{{symbol}} into files, or name the column with columns = {{ symbol = ... }}"
            )
    spelling.refuse_alike(held, reader.shown(file.path))
    by_name: dict[str, SymbolBars] = {}
    for text, one in held.items():
        if reader.within is None or spelling.of(text) in reader.within:
            by_name.setdefault(spelling.of(text), one)
    if not by_name and held:
        return  # another share's
    wanted = {name: one for name, one in by_name.items() if _is_wanted(name, reader, groups, made.names)}
    strangers = sorted(by_name.keys() - wanted.keys())
    if strangers and reader.config.unknown == "report" and reader.config.symbols is None:
        listed = ", ".join(strangers[:5]) + (f" and {len(strangers) - 5} more" if len(strangers) > 5 else "")
        made.problems.append(
            FileProblem(
                path=reader.shown(file.path),
                kind="unknown symbol" if wanted else "failed",
                what=f"holds bars of {listed}, which the job does not name; name them in [[symbols]], or say "
                f'unknown = "skip"',
            )
        )
    if not wanted:
        return
    shared = file_contents.one_interval(wanted, reader.shown(file.path))
    made.waiting.append(Waiting(reader, file, tuple(sorted(wanted)), shared))
    for name in wanted:
        group = group_of(name, groups)
        if not made.names.registers(name, reader.options.vendor, reuses=group is not None and group.reuse_names):
            continue
        made.available.setdefault(name, set()).update(shared.bases())


def _is_wanted(name: str, reader: Reader, groups: Sequence[SymbolGroup], names: OtherNames) -> bool:
    chosen = reader.config.symbols
    meant = names.means(name, reader.options.vendor)
    if chosen is not None and not any(
        fnmatchcase(symbol, choice) if is_pattern(choice) else symbol == choice for choice in chosen for symbol in meant
    ):
        return False
    return any(group_of(symbol, groups) is not None for symbol in meant)


def _fail(made: JobPlan, reader: Reader, file: FoundFile, what: str) -> None:
    made.problems.append(FileProblem(path=reader.shown(file.path), kind="failed", what=what))


def resolved(waiting: Waiting, base: str | None) -> str:
    """The interval to load a file with: what it holds; where steps are irregular, the base that fits them."""
    interval = str(waiting.held.interval)
    irregular = base is not None and not waiting.held.regular
    if irregular and Interval.parse(str(base)).tiles(Interval.parse(interval)):
        return str(base)
    return interval
