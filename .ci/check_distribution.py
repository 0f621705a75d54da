"""Check what is built, before it is installed: the sdist, the wheel built from it, and the wheel of the checkout.

Usage: ``python check_distribution.py PROJECT SDIST WHEEL WHEEL_OF_CHECKOUT``. The package is a folder with links to
three folders of the checkout; neither archive may hold a link, or a file twice, and both wheels must be the same.
"""

from __future__ import annotations

import sys
import tarfile
import zipfile
from pathlib import Path

FOLDERS = ("store", "coordinator", "migrations")


def files_of_checkout(project: Path) -> dict[str, bytes]:
    """Every file of the package with its content: what git would put there, named as in the wheel."""
    package = [path for path in (project / "barhouse").iterdir() if path.is_file()]
    rooms = [path for name in FOLDERS for path in (project / name).rglob("*") if path.is_file()]
    named = {f"barhouse/{path.name}": path for path in package}
    named |= {f"barhouse/{path.relative_to(project).as_posix()}": path for path in rooms}
    return {name: path.read_bytes() for name, path in named.items() if "__pycache__" not in name}


def files_of_wheel(wheel: Path) -> dict[str, bytes]:
    """Every file of a wheel with its content."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        assert len(names) == len(set(names)), f"{wheel.name} has a file twice"
        return {name: archive.read(name) for name in names}


def check_sdist(sdist: Path, expected: dict[str, bytes]) -> None:
    """Compare the sdist with the checkout: the package whole, as plain files, each of them once."""
    with tarfile.open(sdist) as archive:
        members = archive.getmembers()
        others = [one.name for one in members if not one.isfile()]
        assert not others, f"{sdist.name} holds other things than files: {others}"
        names = [one.name.partition("/")[2] for one in members]
        assert len(names) == len(set(names)), f"{sdist.name} has a file twice"
        held = {
            name: archive.extractfile(one).read()
            for name, one in zip(names, members, strict=True)
            if name.startswith("barhouse/")
        }
    check_same(sdist.name, held, expected)
    assert {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md"} <= set(names)
    assert not {name.partition("/")[0] for name in names} & set(FOLDERS), "a folder is there twice"


def check_same(what: str, held: dict[str, bytes], expected: dict[str, bytes]) -> None:
    """Hold the files of an archive against those expected."""
    missing, surplus = expected.keys() - held.keys(), held.keys() - expected.keys()
    assert not missing | surplus, f"{what}: missing {sorted(missing)}, too many {sorted(surplus)}"
    differing = sorted(name for name in held if held[name] != expected[name])
    assert not differing, f"{what}: {differing} differ"


def main() -> None:
    """Run every check; the first that fails ends it."""
    project, sdist, wheel, wheel_of_checkout = (Path(argument).resolve() for argument in sys.argv[1:])
    expected = files_of_checkout(project)
    assert {".py", ".sql", ".typed", ".mako", ".toml", ".html", ".css", ".js"} <= {
        Path(name).suffix for name in expected
    }
    vendor = "barhouse/store/charts/vendor"
    assert {f"{vendor}/LICENSE", f"{vendor}/NOTICE"} <= expected.keys(), "the chart library stands without its licence"
    check_sdist(sdist, expected)
    held = files_of_wheel(wheel)
    check_same(wheel.name, {name: held[name] for name in held if ".dist-info/" not in name}, expected)
    check_same("the wheel of the checkout", files_of_wheel(wheel_of_checkout), held)
    sys.stderr.write(f"{sdist.name} and {wheel.name} hold what the checkout holds\n")


if __name__ == "__main__":
    main()
