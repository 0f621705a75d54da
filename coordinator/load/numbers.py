"""How the numbers of a source are written, and how much they count: SQL expressions for prices, volumes and counts.

Which sign stands before decimals, which between thousands and what whole numbers count in is said, never guessed: 1.234
may be one and a bit, or a thousand and some. What was scaled is rounded once, as if the number had been written out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import log10
from typing import Self

from barhouse.coordinator.load.columns import A_DATE, FLOATS, INTEGERS, Column
from barhouse.coordinator.sources.options import LoadOptions
from barhouse.store.errors import OptionsError
from barhouse.store.hints import Option
from barhouse.store.model.bar import UNKNOWN
from barhouse.store.sql import Sql, literal

#: How the reason ends of a text that is no number.
NOT_A_NUMBER = " is not a number"
_PRICES = frozenset(["open", "high", "low", "close", "vwap", "price"])
#: The greatest number of 64 bits, which scaled prices have where there is none.
_NO_PRICE = 2**63 - 1
#: Up to here whole numbers are 64-bit floats without loss.
_EXACT = 2**53
#: What may stand between thousands, by what was said: blanks and apostrophes are written in several ways.
_BETWEEN = {",": ",", ".": "[.]", " ": r"[ \x{a0}\x{2009}\x{202f}]", "'": r"['\x{2019}]"}
_SIGN = r"([+-]?)"
_CURRENCY = r"\p{Sc}?[ \x{a0}]?"
_ENDING = r"[ \x{a0}]?([KkMmBb]?)[ \x{a0}]?\p{Sc}?"


@dataclass(frozen=True, slots=True)
class Numbers:
    """The spelling of a source's numbers, and the powers of ten that its prices and volumes count in.

    Attributes
    ----------
    decimal, thousands
        The signs said; without either of them, numbers are as programs write them.
    price_exponent, volume_exponent
        None where nothing was said.
    """

    decimal: str | None = None
    thousands: str | None = None
    price_exponent: int | None = None
    volume_exponent: int | None = None

    @classmethod
    def said_by(cls, options: LoadOptions) -> Self:
        """As the options of a load say it."""
        return cls(options.decimal, options.thousands, _exponent(options.price_scale), _exponent(options.volume_scale))

    def value(self, column: Column | None, part: str) -> Sql:
        """An expression for a price or volume (DOUBLE); NULL where there is no column or no number."""
        if column is None:
            return Sql("NULL::DOUBLE")
        exponent = self._exponent_of(part)
        # Adding zero turns -0.0 into 0.0: equal values have equal bits.
        if column.is_text:
            if exponent is None and not self._are_spelled:
                return Sql(f"TRY_CAST(nullif(trim({column.sql}::VARCHAR), '') AS DOUBLE) + 0.0")
            text = f"trim({column.sql}::VARCHAR)"
            value = self._of_text(text, exponent)
            return value if exponent is None else _unless_no_price(value, Sql(f"{text} = '{_NO_PRICE}'"), part)
        if column.type not in INTEGERS | FLOATS and not column.type.startswith("DECIMAL"):
            raise OptionsError(
                f"{column.name} is {column.type}, but {part} takes numbers; name another column with "
                f"{Option('columns')}"
            )
        if exponent is None:
            return Sql(f"{column.sql}::DOUBLE + 0.0")
        if column.type in FLOATS:
            value = Numbers()._of_text(f"{column.sql}::VARCHAR", exponent)
            known = f"CASE WHEN isfinite({column.sql}) THEN {value} ELSE {column.sql}::DOUBLE END"
            return _unless_no_price(Sql(known), Sql(f"{column.sql} = {float(_NO_PRICE)}"), part)
        if column.type not in INTEGERS:
            return Numbers()._of_text(f"{column.sql}::VARCHAR", exponent)
        times = f"/ 1e{-exponent}" if exponent < 0 else f"* 1e{exponent}"
        long = f"TRY_CAST({column.sql}::VARCHAR || 'e{exponent}' AS DOUBLE)"
        exact = f"{column.sql} BETWEEN -{_EXACT} AND {_EXACT}"
        value = Sql(f"CASE WHEN {exact} THEN {column.sql}::DOUBLE {times} ELSE {long} END + 0.0")
        return _unless_no_price(value, Sql(f"{column.sql} = {_NO_PRICE}"), part)

    def volume(self, column: Column | None) -> Sql:
        """An expression for the volume; 0 where there is no column."""
        return Sql("0.0::DOUBLE") if column is None else self.value(column, "volume")

    def optional(self, column: Column | None, part: str) -> Sql:
        """The same as ``value``, for what a bar may lack; NULL also where the source says that it is unknown."""
        value = self.value(column, part)
        # A comparison would not do: the statistics of a Parquet file leave NaN out, and DuckDB believes them.
        return Sql(f"CASE WHEN NOT isnan({value}) THEN {value} END")

    def count(self, column: Column | None) -> Sql:
        """An expression for a number of trades (BIGINT); NULL where there is no column or no number."""
        if column is None:
            return Sql("NULL::BIGINT")
        return Sql(f"TRY_CAST({self.optional(column, 'trade_count')} AS BIGINT)")

    def fraction(self, column: Column) -> Sql:
        """An expression for a number that is no whole one, as a text; NULL where it is, or none."""
        text = f"trim({column.sql}::VARCHAR)"
        if column.type in INTEGERS:
            return Sql("NULL::VARCHAR")
        if column.is_text:
            is_fraction = f"contains({text}, {literal(self.decimal or '.')})"
        else:
            is_fraction = f"isfinite({column.sql}::DOUBLE) AND {column.sql} <> trunc({column.sql})"
        return Sql(f"CASE WHEN {is_fraction} THEN {text} END")

    def misread(self, parts: Mapping[str, Column | None], is_date: Sql | None = None) -> Sql:
        """An expression for what is wrong with the first part that cannot be meant as it stands; NULL where none is.

        Parameters
        ----------
        is_date
            A condition: that the stamp is a date, where a time is meant.
        """
        cases = [] if is_date is None else [f"WHEN {is_date} THEN {literal(A_DATE)}"]
        for part, column in parts.items():
            if column is not None and column.is_text and part not in ("bar_start", "traded_at", "symbol", "trade_id"):
                cases.append(f"WHEN {self._is_wrong(column, part)} THEN {literal(part + NOT_A_NUMBER)}")
        trades = parts.get("trade_count")
        if trades is not None and trades.type not in INTEGERS:
            given = self.optional(trades, "trade_count")
            # Casting it would round, and give null for what does not fit. 2 ** 63 and more fit no count.
            is_whole = f"(abs({given}) < 9223372036854775808 AND {given} = trunc({given}))"
            cases.append(f"WHEN NOT {is_whole} THEN 'trade_count is not a whole number'")
        return Sql(f"CASE {' '.join(cases)} END") if cases else Sql("NULL::VARCHAR")

    def _is_wrong(self, column: Column, part: str) -> Sql:
        """A condition: that a text is there and no number, nor says that the number is unknown."""
        text = f"trim({column.sql}::VARCHAR)"
        exponent = self._exponent_of(part)
        value = f"TRY_CAST({text} AS DOUBLE)"
        words: tuple[str, ...] = UNKNOWN
        if exponent is not None or self._are_spelled:
            value = str(self.value(column, part))
            words += (str(_NO_PRICE),) if exponent is not None and part in _PRICES else ()
        return Sql(f"{value} IS NULL AND lower({text}) NOT IN ({', '.join(map(literal, words))})")

    @property
    def _are_spelled(self) -> bool:
        return self.decimal is not None or self.thousands is not None

    def _exponent_of(self, part: str) -> int | None:
        if part in _PRICES:
            return self.price_exponent
        return self.volume_exponent if part in ("volume", "size") else None

    def _of_text(self, text: str, exponent: int | None) -> Sql:
        """A number as people write it: with signs between thousands, of a currency, and K, M or B after it."""
        decimal = "," if self.decimal == "," else "[.]"
        digits = "[0-9]*"
        if self.thousands is not None:
            between = _BETWEEN[self.thousands]
            digits = f"[0-9]{{1,3}}(?:{between}[0-9]{{2,3}})*{between}[0-9]{{3}}|{digits}"
        body = f"((?:{digits})(?:{decimal}[0-9]*)?)"
        power, ending = "(?:[eE]([+-]?[0-9]{1,3}))?", _ENDING if self._are_spelled else "()"
        currency = _CURRENCY if self._are_spelled else ""
        pattern = f"^{_SIGN}{currency}{body}{power}{ending}$"
        taken = f"regexp_extract({text}, {literal(pattern)}, ['sign', 'body', 'power', 'ending'])"
        plain = f"({taken}).body"
        if self.thousands is not None:
            plain = f"regexp_replace({plain}, {literal(_BETWEEN[self.thousands])}, '', 'g')"
        if self.decimal == ",":
            plain = f"replace({plain}, ',', '.')"
        times = f"CASE upper(({taken}).ending) WHEN 'K' THEN 3 WHEN 'M' THEN 6 WHEN 'B' THEN 9 ELSE 0 END"
        power = f"coalesce(TRY_CAST(({taken}).power AS INTEGER), 0) + {times} + {exponent or 0}"
        return Sql(f"TRY_CAST(({taken}).sign || {plain} || 'e' || ({power}) AS DOUBLE) + 0.0")


def _unless_no_price(value: Sql, is_none: Sql, part: str) -> Sql:
    return Sql(f"CASE WHEN NOT {is_none} THEN {value} END") if part in _PRICES else value


def _exponent(scale: float | None) -> int | None:
    return None if scale is None else round(log10(scale))
