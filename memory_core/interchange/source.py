"""A file as a stream of JSON values: the lines of JSONL, or the elements of a JSON list.

gzip is recognised by its first bytes, a byte order mark and CRLF are taken off. A bad line is
one bad item; a damaged file raises `InvalidInput` with its name and place, never another type.
"""

import codecs
import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from memory_core.errors import InvalidInput
from memory_core.interchange.elements import ByteStream, list_elements

MAX_LINE_BYTES = 64 * 1_048_576
MAX_DOCUMENT_BYTES = 1_073_741_824  # one JSON object that is not a list: read in one piece
_HEAD_BYTES = 1_048_576
_WIDE_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class Item:
    """One JSON value of a file, or why there is none."""

    position: str
    value: object = None
    error: str | None = None
    text: str = ""
    """The line it came from, "" for an element of a list."""


def items(path: Path) -> Iterator[Item]:
    """Yield the file's values in order, whatever of JSONL or JSON it is.

    Raises:
        InvalidInput: unreadable, damaged gzip, or a JSON document that is malformed or cut off.
    """
    yield from line_items(path) if _holds_lines(path) else _document_items(path)


@dataclass(frozen=True)
class Row:
    """One JSON object of a data set, or why there is none."""

    position: str
    value: Mapping[str, object]
    error: str | None = None


def dataset_rows(path: Path, fits: Callable[[object], bool], wanted: str) -> Iterator[Row]:
    """Yield the objects of a data set's file; what is no such object says so.

    Args:
        path: the file.
        fits: says whether a value is one of the data set's objects.
        wanted: what an object is, for the error.

    Raises:
        InvalidInput: as `items` does.
    """
    for item in items(path):
        if item.error is None and isinstance(item.value, dict) and fits(item.value):
            yield Row(item.position, item.value)
        else:
            no = f"{item.position}: no {wanted}; check the file's format"
            yield Row(item.position, {}, item.error or no)


def whole_rows(path: Path, fits: Callable[[object], bool], wanted: str) -> Iterator[Row]:
    """Yield the objects of a data set's file, all of them or none.

    Raises:
        InvalidInput: also for the first value that is no such object: an evaluation on a part of
            the data would measure something else.
    """
    for row in dataset_rows(path, fits, wanted):
        if row.error is not None:
            raise InvalidInput(row.error)
        yield row


def line_items(path: Path) -> Iterator[Item]:
    """Yield one item for each line that is not blank.

    Raises:
        InvalidInput: the file cannot be opened, or its gzip stream is damaged.
    """
    with opened(path) as stream:
        number = 0
        while line := stream.readline(MAX_LINE_BYTES + 1):
            number += 1
            position = f"{path.name}:{number}"
            if len(line) > MAX_LINE_BYTES and not line.endswith(b"\n"):
                _skip_line(stream)
                yield Item(position, error=_too_long(position))
                continue
            if number == 1:
                line = line.removeprefix(codecs.BOM_UTF8)
            if line.strip():
                yield _line_item(line, position)


@contextmanager
def opened(path: Path) -> Iterator[ByteStream]:
    """Open a file for reading bytes, unpacked if it is gzip.

    Raises:
        InvalidInput: not there, not readable, UTF-16, or damaged gzip, with the byte.
    """
    try:
        with path.open("rb") as raw:
            start = raw.peek(2)[:2]
            if start in _WIDE_MARKS:
                raise InvalidInput(f"{path.name}:1: UTF-16, not UTF-8; convert the file to UTF-8")
            try:
                yield gzip.GzipFile(fileobj=raw) if start == b"\x1f\x8b" else raw
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                raise InvalidInput(
                    f"{path.name}: gzip stream damaged or cut off before byte {raw.tell():,} "
                    f"({error}); copy or download the file again"
                ) from error
    except OSError as error:
        raise InvalidInput(
            f"{path.name}: cannot be read ({error.strerror or error}); check the path"
        ) from error


def parsed(text: str, where: str) -> object:
    """Return the JSON value of a text.

    Raises:
        InvalidInput: malformed, nested too deeply, or a number of thousands of digits.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise InvalidInput(
            f"{where}: malformed or cut off JSON ({error.msg} at {place}); repair it"
        ) from error
    except (RecursionError, ValueError) as error:
        raise InvalidInput(f"{where}: unusable JSON ({error}); repair it") from error


def _line_item(line: bytes, position: str) -> Item:
    try:
        text = line.decode()
        return Item(position, parsed(text, position), text=text.strip())
    except UnicodeDecodeError as error:
        return Item(position, error=_not_utf8(position, error))
    except InvalidInput as error:
        return Item(position, error=str(error))


def _document_items(path: Path) -> Iterator[Item]:
    with opened(path) as stream:
        head = _start(stream.read(_HEAD_BYTES))
    with opened(path) as stream:
        if head.startswith(b"["):
            for number, value in enumerate(list_elements(stream, path.name)):
                yield Item(f"{path.name}[{number}]", value)
            return
        data = stream.read(MAX_DOCUMENT_BYTES + 1)
    if len(data) > MAX_DOCUMENT_BYTES:
        raise InvalidInput(f"{path.name}: over {MAX_DOCUMENT_BYTES:,} bytes; split the file")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(_not_utf8(path.name, error)) from error
    yield Item(path.name, parsed(text, path.name))


def _holds_lines(path: Path) -> bool:
    """Say whether a file is JSONL: by its name, else by its first two lines."""
    if {".jsonl", ".ndjson"} & set(path.suffixes[-2:]):
        return True
    with opened(path) as stream:
        head = stream.read(_HEAD_BYTES)
    lines = [line.strip() for line in _start(head).splitlines() if line.strip()]
    if not lines or not lines[0].startswith((b"[", b"{")):
        return True  # then every line is reported as what it is: no JSON
    if len(lines) < 2:
        return lines[0].startswith(b"{")
    if lines[0] in (b"[", b"{"):
        return False
    return _parses(lines[0]) or _parses(lines[1])


def _parses(line: bytes) -> bool:
    try:
        return isinstance(parsed(line.decode(), "line"), dict | list)
    except (UnicodeDecodeError, InvalidInput):
        return False


def _start(head: bytes) -> bytes:
    return head.removeprefix(codecs.BOM_UTF8).lstrip()


def _skip_line(stream: ByteStream) -> None:
    while (rest := stream.readline(_HEAD_BYTES)) and not rest.endswith(b"\n"):
        pass


def _too_long(position: str) -> str:
    return f"{position}: the line is over {MAX_LINE_BYTES:,} bytes; split it"


def _not_utf8(where: str, error: UnicodeDecodeError) -> str:
    return f"{where}: not UTF-8 at byte {error.start:,} ({error.reason}); convert it to UTF-8"
