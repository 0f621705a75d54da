"""The tables of a lake that shards publish into."""

from __future__ import annotations

from dataclasses import dataclass

from barhouse.store.sql import Sql, identifier, joined, sql


@dataclass(frozen=True, slots=True)
class LakeTable:
    """A table with the rows of a view of all shards' stores.

    Attributes
    ----------
    key
        The columns that tell its rows apart, or at least those that go and come together.
    grows_by
        The part of a statement, in ``store/sql/cluster``, that says which rows batches after one add; None where they
        change others.
    is_large
        Whether its files are taken over as shards wrote them; rows of the others are put together, so that there are
        few files.
    """

    name: str
    key: tuple[str, ...]
    grows_by: str | None = None
    is_large: bool = False

    @property
    def keys(self) -> Sql:
        """The columns of its key, the shard before them."""
        return joined(Sql(", "), [identifier(name) for name in ("shard", *self.key)])

    @property
    def same_key(self) -> Sql:
        """The condition that a row ``t`` has the key of a row ``g``."""
        pairs = [sql("lake.same_value", column=identifier(name)) for name in self.key]
        return joined(Sql(" AND "), pairs) if pairs else Sql("true")


#: All of them, those first of which others tell.
TABLES = (
    LakeTable("bar", ("interval", "symbol", "bar_start"), "cluster.written_after", is_large=True),
    LakeTable(
        "revision",
        ("interval", "symbol", "bar_start", "batch_id", "replaced_by"),
        "cluster.replaced_after",
        is_large=True,
    ),
    LakeTable("session_coverage", ("interval", "symbol", "session_date")),
    LakeTable("gap", ("interval", "symbol", "gap_start")),
    LakeTable("interval_state", ("symbol", "interval")),
    LakeTable("batch", ("batch_id",), "cluster.written_after"),
    LakeTable("rejected_row", ("batch_id",), "cluster.written_after"),
    LakeTable("run", ("run_id",)),
    LakeTable("retained", ("symbol", "interval")),
    LakeTable("kept_revisions", ()),
)
