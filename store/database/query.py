"""What a text of SQL would do, told by the kinds of statements that DuckDB finds in it.

A query runs in a read-only transaction, which keeps bars as they are. It does not keep what all connections of the
process share: settings, by which statements of ours would come to other bars, extensions, attached files, and files.
"""

from __future__ import annotations

import duckdb

from barhouse.store.database.reach import refuse_beyond
from barhouse.store.errors import InputError

_READING = frozenset({"SELECT", "MULTI"})
#: What may stand in a transaction beside the statements of the store.
_WRITING = _READING | {"COPY", "INSERT", "UPDATE", "DELETE", "MERGE_INTO", "CREATE", "CREATE_FUNC", "DROP", "ALTER"}


def check_reads(cursor: duckdb.DuckDBPyConnection, text: str, *, reads_files: bool, is_remote: bool = False) -> None:
    """Refuse a text that is anything but one statement that reads, from the store alone or also from files.

    ``is_remote`` says that it comes from another machine, for whom there are no files here.

    Raises
    ------
    InputError
        Also for ``EXPLAIN`` of another: with ``ANALYZE`` it is carried out.
    """
    kinds, meant = _kinds(cursor.extract_statements(text)), text
    if kinds == ["EXPLAIN"]:
        meant = _explained(cursor, text)
        explained = _kinds(cursor.extract_statements(meant)) if meant else []
        kinds = explained if _reads(explained) else [f"EXPLAIN {' and '.join(explained) or 'of something else'}"]
    if not _reads(kinds):
        raise InputError(
            f"a query is one statement that reads (SELECT, WITH, FROM, PIVOT, DESCRIBE, SHOW, EXPLAIN), not "
            f"{' and '.join(kinds) or 'an empty text'}; a store is changed through its coordinator, and bars are "
            f"written to files by an export"
        )
    refuse_beyond(cursor, meant, reads_files=reads_files, is_remote=is_remote)


def check_inside(cursor: duckdb.DuckDBPyConnection, text: str, *, reads_only: bool, own: bool) -> None:
    """Refuse a text that a transaction cannot run.

    One that ends it would keep what came before, and let one that reads write afterwards. Of a user's ``own``, one that
    changes more than tables, too: a setting would change what statements of the store come to.

    Raises
    ------
    TypeError
        Saying which of these it is.
    """
    kinds = _kinds(cursor.extract_statements(text))
    if "TRANSACTION" in kinds:
        raise TypeError(f"a transaction begins and ends by itself; leave out BEGIN, COMMIT and such: {text[:80]!r}")
    if reads_only and len(kinds) != 1:
        raise TypeError(f"a transaction that reads runs one statement at a time; run each by itself: {text[:80]!r}")
    for kind in kinds if own else ():
        explained = _explained(cursor, text) if kind == "EXPLAIN" else None
        meant = [kind] if explained is None else _kinds(cursor.extract_statements(explained))
        if not meant or not _WRITING.issuperset(meant):
            raise TypeError(
                f"a transaction runs statements that read or write tables, not {kind}; leave it out, and give settings "
                f"when the store is opened: {text[:80]!r}"
            )


def only_reads(cursor: duckdb.DuckDBPyConnection, text: str) -> bool:
    """Whether all statements of a text do nothing but read."""
    return _READING.issuperset(_kinds(cursor.extract_statements(text)))


def _kinds(statements: list[duckdb.Statement]) -> list[str]:
    kinds = [_kind(statement) for statement in statements]
    # PIVOT is MULTI to DuckDB 2; 1.5 spells it out, in statements without a text.
    if set(kinds[:-1]) == {"CREATE"} and kinds[-1] == "SELECT" and not any(statement.query for statement in statements):
        return ["MULTI"]
    return kinds


def _kind(statement: duckdb.Statement) -> str:
    try:
        return statement.type.name
    except ValueError:  # a kind that DuckDB's Python client has no name for, such as UPDATE EXTENSIONS
        return "something else"


def _reads(kinds: list[str]) -> bool:
    return len(kinds) == 1 and kinds[0] in _READING


def _explained(cursor: duckdb.DuckDBPyConnection, text: str) -> str:
    """What an ``EXPLAIN`` wraps: the text after it, and after ``ANALYZE`` and options; empty if not found."""
    given = text.encode()
    tokens = [at for at, kind in duckdb.tokenize(text) if kind != duckdb.token_type.comment]
    words = [given[at:end].decode().strip() for at, end in zip(tokens, [*tokens[1:], len(given)], strict=True)]
    first = 2 if len(words) > 1 and words[1].upper() in ("ANALYZE", "ANALYSE") else 1
    depth = 0
    for number in range(first, len(words)):
        if depth == 0:
            inner = given[tokens[number] :].decode()
            try:
                cursor.extract_statements(inner)
            except duckdb.ParserException:
                if number > first or not words[number].startswith("("):
                    return ""
            else:
                return inner
        depth += words[number].count("(") - words[number].count(")")
    return ""
