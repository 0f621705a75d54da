"""What a text of SQL would do, told by the kinds of statements that DuckDB finds in it.

A query runs in a read-only transaction, which keeps bars as they are. It does not keep what all connections of the
process share: settings, by which statements of ours would come to other bars, extensions and attached files.
"""

from __future__ import annotations

import re

import duckdb

from barhouse.store.errors import InputError

_READING = frozenset({"SELECT", "COPY", "MULTI"})
#: What may stand in a transaction beside the statements of the store.
_WRITING = _READING | {"INSERT", "UPDATE", "DELETE", "MERGE_INTO", "CREATE", "CREATE_FUNC", "DROP", "ALTER"}
#: Functions that read nothing, but change what DuckDB is for every connection.
_CHANGING_FUNCTIONS = re.compile(
    r"(add|remove)_grammar_extension|(create|destroy|register|deregister)_external_resource", re.IGNORECASE
)


def check_reads(cursor: duckdb.DuckDBPyConnection, text: str) -> None:
    """Refuse a text that is anything but one statement that reads.

    Raises
    ------
    InputError
        Also for ``EXPLAIN`` of another: with ``ANALYZE`` it is carried out.
    """
    kinds = _kinds(cursor.extract_statements(text))
    if kinds == ["EXPLAIN"]:
        explained = _explained(cursor, text)
        kinds = explained if _reads(explained) else [f"EXPLAIN {' and '.join(explained) or 'of something else'}"]
    if not _reads(kinds):
        raise InputError(
            f"a query is one statement that reads (SELECT, WITH, FROM, PIVOT, DESCRIBE, SHOW, EXPLAIN, COPY ... TO), "
            f"not {' and '.join(kinds) or 'an empty text'}; a store is changed through its coordinator"
        )
    found = _CHANGING_FUNCTIONS.search(text)
    if found is not None:
        raise InputError(f"a query does not call {found[0]}, which changes DuckDB for the whole process; leave it out")


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
        meant = _explained(cursor, text) if kind == "EXPLAIN" else [kind]
        if not meant or not _WRITING.issuperset(meant):
            raise TypeError(
                f"a transaction runs statements that read or write tables, not {kind}; leave it out, and give settings "
                f"when the store is opened: {text[:80]!r}"
            )


def _kinds(statements: list[duckdb.Statement]) -> list[str]:
    kinds = [statement.type.name for statement in statements]
    # PIVOT is MULTI to DuckDB 2; 1.5 spells it out, in statements without a text.
    if kinds == ["CREATE", "SELECT"] and not any(statement.query for statement in statements):
        return ["MULTI"]
    return kinds


def _reads(kinds: list[str]) -> bool:
    return len(kinds) == 1 and kinds[0] in _READING


def _explained(cursor: duckdb.DuckDBPyConnection, text: str) -> list[str]:
    """The kinds of what an ``EXPLAIN`` wraps: the text after it, and after ``ANALYZE`` and options in brackets."""
    given = text.encode()
    tokens = [at for at, kind in duckdb.tokenize(text) if kind != duckdb.token_type.comment]
    words = [given[at:end].decode().strip() for at, end in zip(tokens, [*tokens[1:], len(given)], strict=True)]
    first = 2 if len(words) > 1 and words[1].upper() in ("ANALYZE", "ANALYSE") else 1
    depth = 0
    for number in range(first, len(words)):
        if depth == 0:
            try:
                return _kinds(cursor.extract_statements(given[tokens[number] :].decode()))
            except duckdb.ParserException:
                if number > first or not words[number].startswith("("):
                    return []
        depth += words[number].count("(") - words[number].count(")")
    return []
