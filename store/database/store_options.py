"""What is said of a store when it is made, kept in its file, and read once at each opening."""

from __future__ import annotations

from barhouse.store.database.database import Database
from barhouse.store.errors import InputError
from barhouse.store.hints import Option
from barhouse.store.model.spelling import Spelling

_CASE = "case_sensitive"


def choose_spelling(database: Database, case_sensitive: bool | None) -> None:
    """Have a store spell symbols as it was made to, or was never said yet; None leaves it as it is.

    Raises
    ------
    InputError
        For another wish than that, once there are symbols.
    """
    if not isinstance(case_sensitive, bool | None):
        raise InputError(
            f"{Option(_CASE, case_sensitive)} is no answer to whether case counts; leave it out, "
            f"or say {Option(_CASE, True)}"
        )
    with database.reading() as transaction:
        kept = {row.name: row.value for row in transaction.run("database.store_options")}
        has_symbols = transaction.one("database.has_symbols").has_symbols
    database.spelling = Spelling(case_sensitive=kept.get(_CASE) == "true")
    if case_sensitive is None or case_sensitive == database.spelling.case_sensitive:
        return
    if has_symbols or database.read_only:
        refuse_other(database.spelling, case_sensitive, database.place)
    with database.transaction() as transaction:
        if case_sensitive:
            transaction.write("database.keep_option", {"name": _CASE, "value": "true"})
        else:
            transaction.write("database.forget_option", {"name": _CASE})
    database.spelling = Spelling(case_sensitive=case_sensitive)


def refuse_other(spelling: Spelling, case_sensitive: bool | None, place: str) -> None:
    """Refuse a wish that contradicts how a store tells symbols apart; None is no wish.

    Raises
    ------
    InputError
        It does.
    """
    if case_sensitive is None or case_sensitive == spelling.case_sensitive:
        return
    counts = "counts: AMPB and AMpB are two" if spelling.case_sensitive else "does not count: AMPB and AMpB are one"
    raise InputError(
        f"in the store {place} case {counts}, which {Option(_CASE, case_sensitive)} contradicts; it is said before a "
        f"store has symbols, and stays: leave it out, or make a new store with it and load into that"
    )
