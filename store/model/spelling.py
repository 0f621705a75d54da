"""How a store spells symbols: without blanks around them, in composed letters, and in upper case unless case counts.

Whatever names a symbol is read here: by ``as_written`` where no store is at hand yet, and by the ``Spelling`` of the
store once there is one. A door that did it by itself would make one instrument of two, or two of one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from unicodedata import normalize

from barhouse.store.errors import InputError, SourceError
from barhouse.store.model.inputs import Names, as_list
from barhouse.store.model.words import shortened

_LONGEST = 1000


def as_written(given: str) -> str:
    """A symbol in the case it was given in: without surrounding blanks, and in composed letters (Unicode's NFC).

    Raises
    ------
    InputError
        For an empty or unprintable text, and for one that is longer than any symbol.
    """
    usable = isinstance(given, str) and given.strip() and given.strip().isprintable() and len(given) <= _LONGEST
    if not usable:
        shown = shortened(repr(given))
        raise InputError(
            f"symbol {shown} is not usable; a symbol is printable text of at most {_LONGEST} characters, such as 'SPY' "
            f"or 'BTC-USD'"
        )
    return normalize("NFC", given.strip())


@dataclass(frozen=True, slots=True)
class Spelling:
    """How one store tells symbols apart.

    Attributes
    ----------
    case_sensitive
        Whether ``AMPB`` and ``AMpB`` are two; otherwise case does not count, and symbols are kept in upper case.
    """

    case_sensitive: bool = False

    def of(self, text: str) -> str:
        """The one spelling of a symbol, of a text that need be none."""
        written = normalize("NFC", text.strip())
        return written if self.case_sensitive else normalize("NFC", written.upper())

    def symbol(self, given: str) -> str:
        """The one spelling of a symbol.

        Raises
        ------
        InputError
            For what is no symbol.
        """
        return self.of(as_written(given))

    def symbols(self, given: Names, name: str = "symbols") -> list[str]:
        """One symbol or several, each once and in its one spelling.

        Raises
        ------
        InputError
            When there is none, or one is no symbol.
        """
        return list(dict.fromkeys(self.symbol(symbol) for symbol in as_list(given, name, "a symbol")))

    def refuse_alike(self, given: Iterable[str], where: str) -> None:
        """Refuse texts that are one symbol here for their case alone: vendors have instruments that are told by it.

        Raises
        ------
        SourceError
            Naming the spellings.
        """
        found: dict[str, str] = {}
        for text in given:
            written = normalize("NFC", text.strip())
            first = found.setdefault(self.of(text), written)
            if first != written:
                raise SourceError(
                    f"{where} names {first} and {written}, which are one symbol here, as case does not count; they may "
                    f"be two instruments: spell them alike if they are one, or else rename one, leave it out, or load "
                    f"them into a store that was made with case_sensitive"
                )
