"""What DuckDB needs to know of lakes: extensions, which packages bring, so that nothing is fetched."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import duckdb

from barhouse.store.errors import LakeError

#: The extensions by what they are for.
LAKE, POSTGRES = "ducklake", "postgres_scanner"


def extension_file(name: str) -> Path:
    """The file of an extension, from the package that brings it.

    Raises
    ------
    LakeError
        When it is not installed, or only for another version of DuckDB.
    """
    found = find_spec(f"duckdb_extension_{name}")
    folders = [] if found is None else [Path(place) for place in found.submodule_search_locations or ()]
    file = f"extensions/v{duckdb.__version__}/{name}.duckdb_extension"
    there = next((folder / file for folder in folders if (folder / file).is_file()), None)
    if there is not None:
        return there
    had = sorted(
        path.parent.name for folder in folders for path in folder.glob(f"extensions/*/{name}.duckdb_extension")
    )
    why = f"the one that is installed is for DuckDB {', '.join(had)}" if had else "it is not installed"
    raise LakeError(
        f"a lake needs DuckDB's extension {name} for DuckDB {duckdb.__version__}, and {why}; "
        f"pip install 'barhouse[cluster]' brings both as they belong together"
    )


def is_available() -> bool:
    """Whether this DuckDB can open lakes."""
    try:
        extension_file(LAKE)
    except LakeError:
        return False
    return True
