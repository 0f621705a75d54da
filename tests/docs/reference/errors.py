"""The errors, from their classes, with the exit code each comes to."""

from __future__ import annotations

import inspect

from barhouse.coordinator.cli.errors import MEANINGS, ExitCode, explain
from barhouse.store import errors
from tests.docs.reference.markdown import HEADER, code, from_docstring, table

_INTRODUCTION = """# Errors and exit codes

Everything that Barhouse raises on purpose is a `BarhouseError`, importable from `barhouse`; the others are in
`barhouse.store.errors`. A message says what was given, what is allowed and what to do next. Before an `InputError`
nothing was written. On the command line an error is one sentence on stderr and an exit code; `--verbose` shows its
causes.

"""


def classes() -> list[type[errors.BarhouseError]]:
    """Every error, those above before those below."""
    found = [one for _, one in inspect.getmembers(errors, inspect.isclass) if one.__module__ == errors.__name__]
    order = list(vars(errors))
    return sorted(found, key=lambda one: order.index(one.__name__))


def exit_code(kind: type[errors.BarhouseError]) -> ExitCode:
    """What the command line ends with when an error of a kind reaches it."""
    import contextlib
    import io

    error = kind("said", None) if kind is errors.JobError else kind("said")
    with contextlib.redirect_stderr(io.StringIO()):
        return explain(error, verbose=False)


def page() -> str:
    """The page of the errors."""
    tree = inspect.cleandoc(errors.__doc__ or "").partition("::\n\n")[2].partition("\n\n")[0]
    rows = [
        (
            code(one.__name__),
            ", ".join(code(base.__name__) for base in one.__bases__ if base in (*classes(), ValueError)),
            from_docstring(one.__doc__).replace("\n", " "),
            str(int(exit_code(one))) if one is not errors.JobError else "6, 7, 8",
        )
        for one in classes()
    ]
    codes = [(str(int(one)), meaning) for one, meaning in MEANINGS.items()]
    return "".join(
        [
            HEADER,
            _INTRODUCTION,
            f"```text\n{inspect.cleandoc(tree)}\n```\n\n",
            table(("Error", "Is also", "Meaning", "Exit code"), rows),
            f"\n## Exit codes\n\n{table(('Code', 'Meaning'), codes)}",
        ]
    )
