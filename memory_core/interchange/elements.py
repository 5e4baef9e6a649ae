"""A JSON list read one element at a time, so that memory holds one element, not the file.

The decoder is tried on a window of text that doubles until an element fits; an error that
stands well before the window's end is final and is reported with its line and byte.
"""

import codecs
import json
from collections.abc import Iterator
from typing import Protocol

from memory_core.errors import InvalidInput

MAX_ELEMENT_CHARS = 256 * 1_048_576
_CHUNK_BYTES = 1_048_576
_LOOKAHEAD = 16  # longer than any literal or escape that the window's end may cut
_WHITE = " \t\r\n"
_AFTER_VALUE = {*_WHITE, ",", "]"}
_DECODER = json.JSONDecoder()


class ByteStream(Protocol):
    """What is asked of an open file, packed or not."""

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes, none at the end."""
        ...

    def readline(self, size: int | None = -1, /) -> bytes:
        """Return a line, or its first `size` bytes."""
        ...


def list_elements(stream: ByteStream, name: str) -> Iterator[object]:
    """Yield the elements of the JSON list that `stream` holds.

    Raises:
        InvalidInput: not a list, malformed, cut off, or not UTF-8, with line and byte.
    """
    window = _Window(stream, name)
    window.expect("[")
    if window.peek() == "]":
        window.expect("]")
    else:
        while True:
            yield window.value()
            if window.peek() != ",":
                break
            window.expect(",")
        window.expect("]")
    if window.peek():
        raise window.fault("more text after the end of the list")


class _Window:
    """The part of the text between what was used and what was read."""

    def __init__(self, stream: ByteStream, name: str) -> None:
        self._stream = stream
        self._name = name
        self._decode = codecs.getincrementaldecoder("utf-8-sig")().decode
        self._text = ""
        self._at = 0
        self._ended = False
        self._lines_before = 0
        self._bytes_before = 0

    def peek(self) -> str:
        """Return the next character that is not white space, "" at the end."""
        while True:
            while self._at < len(self._text):
                if self._text[self._at] not in _WHITE:
                    return self._text[self._at]
                self._at += 1
            if self._ended:
                return ""
            self._grow()

    def expect(self, character: str) -> None:
        """Step over one character.

        Raises:
            InvalidInput: another character, or the end of the file, stands there.
        """
        if (found := self.peek()) != character:
            raise self.fault(f"expected {character!r}, found {found or 'the end of the file'!r}")
        self._at += 1

    def value(self) -> object:
        """Return the next JSON value and step over it."""
        self.peek()
        while True:
            try:
                value, stop = _DECODER.raw_decode(self._text, self._at)
                if self._whole(stop):
                    self._at = stop
                    return value
            except RecursionError as error:
                raise self.fault("nested too deeply") from error
            except json.JSONDecodeError as error:
                self._refuse_if_final(error)
            except ValueError as error:  # an integer of thousands of digits
                raise self.fault(str(error)) from error
            self._grow()

    def fault(self, what: str, at: int | None = None) -> InvalidInput:
        """Return the error for what stands at the current place, or at `at`."""
        used = self._text[: self._at if at is None else at]
        line = self._lines_before + used.count("\n") + 1
        byte = self._bytes_before + len(used.encode())
        return InvalidInput(
            f"{self._name}: {what} at line {line}, byte {byte:,}; repair or re-export the file"
        )

    def _whole(self, stop: int) -> bool:
        """Say whether a value that ends here cannot go on in the next chunk, as "-1" may."""
        after = self._text[stop : stop + _LOOKAHEAD]
        return self._ended or after[:1] in _AFTER_VALUE or len(after) == _LOOKAHEAD

    def _refuse_if_final(self, error: json.JSONDecodeError) -> None:
        cut = error.msg.startswith("Unterminated") or error.pos > len(self._text) - _LOOKAHEAD
        if self._ended:
            raise self.fault(f"cut off or malformed JSON ({error.msg})", error.pos) from error
        if not cut:
            raise self.fault(f"malformed JSON ({error.msg})", error.pos) from error

    def _grow(self) -> None:
        used, rest = self._text[: self._at], self._text[self._at :]
        if len(rest) > MAX_ELEMENT_CHARS:
            raise self.fault(f"an item over {MAX_ELEMENT_CHARS:,} characters")
        self._lines_before += used.count("\n")
        self._bytes_before += len(used.encode())
        chunk = self._stream.read(max(_CHUNK_BYTES, len(rest)))
        self._text, self._at, self._ended = rest, 0, not chunk
        try:
            self._text += self._decode(chunk, not chunk)
        except UnicodeDecodeError as error:
            raise self.fault(f"not UTF-8 ({error.reason})", len(rest)) from error
