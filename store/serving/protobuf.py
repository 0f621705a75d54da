"""The encoding of protocol buffers, as far as Flight SQL needs it: numbers, texts and messages within messages.

A message is fields one after the other: a number that says which field it is and how its value is written, and the
value. A field that is not there has its type's zero; of a field that takes one value the last counts.
"""

from __future__ import annotations

from dataclasses import dataclass, field

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_FIXED = {_FIXED64: 8, _FIXED32: 4}
#: A whole number of 64 bits takes no more bytes.
_VARINT_BYTES_MAX = 10


class ProtobufError(ValueError):
    """The bytes are no message."""


def varint(value: int) -> bytes:
    """A whole number, 0 or more, seven bits to a byte, the lowest first."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def bytes_field(number: int, value: bytes) -> bytes:
    """A field of bytes, also of a text or of a message; nothing where it is empty, which says the same."""
    return varint(number << 3 | _LENGTH) + varint(len(value)) + value if value else b""


@dataclass(slots=True)
class Message:
    """The fields of a message, by number, in the order in which they came.

    Attributes
    ----------
    numbers
        Values of whole numbers.
    pieces
        Values of bytes: also texts, messages, and packed lists.
    """

    numbers: dict[int, list[int]] = field(default_factory=dict)
    pieces: dict[int, list[bytes]] = field(default_factory=dict)

    @classmethod
    def read(cls, data: bytes) -> Message:
        """Read one; fields of kinds that are not needed are passed over.

        Raises
        ------
        ProtobufError
            When it is none.
        """
        message, at = cls(), 0
        while at < len(data):
            key, at = _read_varint(data, at)
            number, kind = key >> 3, key & 7
            if kind == _VARINT:
                value, at = _read_varint(data, at)
                message.numbers.setdefault(number, []).append(value)
                continue
            if kind == _LENGTH:
                length, at = _read_varint(data, at)
            elif kind in _FIXED:
                length = _FIXED[kind]
            else:
                raise ProtobufError(f"a field is written in way {kind}, which there is not")
            if at + length > len(data):
                raise ProtobufError("a field ends after its message")
            if kind == _LENGTH:
                message.pieces.setdefault(number, []).append(bytes(data[at : at + length]))
            at += length
        return message

    def data(self, number: int) -> bytes:
        """The bytes of a field."""
        return self.pieces.get(number, [b""])[-1]

    def text(self, number: int) -> str:
        """The text of a field."""
        return _text(self.data(number))

    def text_if_there(self, number: int) -> str | None:
        """The text of a field that may be left out; None where it is."""
        return self.text(number) if number in self.pieces else None

    def texts(self, number: int) -> list[str]:
        """The texts of a field that may come again."""
        return [_text(piece) for piece in self.pieces.get(number, [])]

    def flag(self, number: int) -> bool:
        """Whether a field is true."""
        return bool(self.numbers.get(number, [0])[-1])

    def whole_numbers(self, number: int) -> list[int]:
        """The values of a field of numbers that may come again, each by itself or packed into one."""
        found = list(self.numbers.get(number, []))
        for piece in self.pieces.get(number, []):
            at = 0
            while at < len(piece):
                value, at = _read_varint(piece, at)
                found.append(value)
        return found


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place in range(_VARINT_BYTES_MAX):
        if at + place >= len(data):
            raise ProtobufError("a number ends after its message")
        byte = data[at + place]
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value & 2**64 - 1, at + place + 1
    raise ProtobufError("a number has more than 64 bits")


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ProtobufError("a text is no UTF-8") from error
