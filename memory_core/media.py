"""Images and audio as values: what is kept about a file, and what is refused by its first bytes.

A type is read from the bytes, never from a name. The check is cheap, of the first and the last
64 KiB: it knows a file that is cut short or something else, and decodes nothing.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Literal, cast

from pydantic import BaseModel, ConfigDict, Field

from memory_core.errors import InvalidMedia
from memory_core.limits import shown

Modality = Literal["text", "image", "audio"]
MediaKind = Literal["image", "audio"]
MediaType = Literal[
    "image/png", "image/jpeg", "image/webp", "image/gif",
    "audio/wav", "audio/flac", "audio/mpeg", "audio/ogg",
]  # fmt: skip

MAX_MEDIA_BYTES = 33_554_432  # 32 MiB: as base64 it fits a line of an export
ENDINGS: dict[str, str] = {
    "image/png": "png", "image/jpeg": "jpg", "image/webp": "webp", "image/gif": "gif",
    "audio/wav": "wav", "audio/flac": "flac", "audio/mpeg": "mp3", "audio/ogg": "ogg",
}  # fmt: skip
_WINDOW = 65_536  # a page of Ogg has at most 65,307 bytes
_UNKNOWN_LENGTH = 0xFFFF_FFFF  # what a recorder writes into a RIFF header when it streams


class Media(BaseModel):
    """An image or a sound that a memory keeps; the file lies below `<home>/media/`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    digest: str = Field(pattern="^[0-9a-f]{64}$")
    """SHA-256 of the bytes, hexadecimal."""
    type: MediaType
    """The MIME type, read from the bytes."""
    size: int = Field(ge=1, le=MAX_MEDIA_BYTES)
    """Bytes."""

    @property
    def kind(self) -> MediaKind:
        """`image` or `audio`."""
        return kind_of(self.type)

    @property
    def name(self) -> str:
        """The name of its file."""
        return f"{self.digest}.{ENDINGS[self.type]}"


Attachment = Path | bytes | Media
"""What a draft takes: a file, its bytes, or what a memory of the same namespace keeps already."""


def kind_of(type: str) -> MediaKind:
    """Return the kind of a MIME type of `MediaType`."""
    return cast(MediaKind, type.partition("/")[0])


def check_attachment(value: object, kind: MediaKind) -> Attachment:
    """Return what a draft may carry as `kind`, after a first look at it.

    Raises:
        InvalidMedia: no path, bytes or `Media`; no readable file; see `examine`. A string is
            refused, since drafts come from other machines too and would name files of this one.
    """
    if isinstance(value, str):
        raise InvalidMedia(f"{kind} is a str; a draft takes a pathlib.Path or bytes, pass one")
    if isinstance(value, Media):
        _same_kind(value.type, kind)
        return value
    if isinstance(value, bytes):
        examine(_of_bytes(value), len(value), kind)
        return value
    if not isinstance(value, os.PathLike):
        told = type(value).__name__
        raise InvalidMedia(f"{kind} is {told}; pass a pathlib.Path or bytes")
    path = Path(value).expanduser()
    with opened(path, kind) as stream:
        examine(_of_stream(stream), os.fstat(stream.fileno()).st_size, kind)
    return path


def opened(path: Path, kind: MediaKind) -> BinaryIO:
    """Open a regular file to read.

    Raises:
        InvalidMedia: there is none, or it cannot be read.
    """
    try:
        if not path.is_file():  # a pipe or a device would be waited for
            what = "no regular file" if os.path.lexists(path) else "not there"
            raise InvalidMedia(f"{kind} {shown(str(path))} is {what}; name a file")
        return path.open("rb")
    except (OSError, ValueError) as error:
        if isinstance(error, InvalidMedia):
            raise
        raise InvalidMedia(f"{kind} {shown(str(path))} cannot be read: {error}") from error


def examine(read: Callable[[int, int], bytes], size: int, kind: MediaKind) -> MediaType:
    """Return the type of a whole file of that kind.

    Args:
        read: gives the bytes from a place on, at most so many.
        size: the file's, in bytes.
        kind: what it is said to be.

    Raises:
        InvalidMedia: empty, too large, of another kind, of no type that is kept, or cut short.
    """
    if not size:
        raise InvalidMedia(f"{kind} is empty; pass a file with something in it")
    if size > MAX_MEDIA_BYTES:
        raise InvalidMedia(
            f"{kind} has {size:,} bytes, the limit is {MAX_MEDIA_BYTES:,}; make it smaller"
        )
    head, tail = read(0, _WINDOW), read(max(0, size - _WINDOW), _WINDOW)
    if (found := _type_of(head)) is None:
        raise InvalidMedia(
            f"{kind} is of no known type; convert it to one of: {', '.join(sorted(ENDINGS))}"
        )
    _same_kind(found, kind)
    if not _WHOLE[found](head, tail, size):
        raise InvalidMedia(f"{kind} is {found} and cut short or damaged; get the file again")
    return found


def whole(content: bytes, kind: MediaKind) -> MediaType:
    """Return the type of bytes of that kind, or raise as `examine` does."""
    return examine(_of_bytes(content), len(content), kind)


def _same_kind(type: str, kind: MediaKind) -> None:
    if kind_of(type) != kind:
        raise InvalidMedia(f"{kind} is {type}; pass it as {kind_of(type)}")


def _of_bytes(content: bytes) -> Callable[[int, int], bytes]:
    return lambda start, most: content[start : start + most]


def _of_stream(stream: BinaryIO) -> Callable[[int, int], bytes]:
    def read(start: int, most: int) -> bytes:
        stream.seek(start)
        return stream.read(most)

    return read


def _type_of(head: bytes) -> MediaType | None:
    if head[:4] == b"RIFF":
        forms: dict[bytes, MediaType] = {b"WEBP": "image/webp", b"WAVE": "audio/wav"}
        return forms.get(head[8:12])
    signs: tuple[tuple[bytes, MediaType], ...] = (
        (b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"),
        (b"GIF87a", "image/gif"), (b"GIF89a", "image/gif"), (b"fLaC", "audio/flac"),
        (b"OggS", "audio/ogg"), (b"ID3", "audio/mpeg"),
    )  # fmt: skip
    for sign, type in signs:
        if head.startswith(sign):
            return type
    # MPEG audio: eleven bits of synchronisation, layer 3, a bit rate and a sampling rate
    frame = len(head) > 2 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2
    fits = frame and head[2] >> 4 not in (0, 15) and head[2] >> 2 & 3 != 3
    return "audio/mpeg" if fits else None


def _riff(head: bytes, tail: bytes, size: int) -> bool:
    said = int.from_bytes(head[4:8], "little")
    return size > 20 and (said == _UNKNOWN_LENGTH or said + 8 <= size)


def _png(head: bytes, tail: bytes, size: int) -> bool:
    return head[12:16] == b"IHDR" and b"IEND\xaeB`\x82" in tail


def _jpeg(head: bytes, tail: bytes, size: int) -> bool:
    return b"\xff\xd9" in tail[4:] if size == len(tail) else b"\xff\xd9" in tail


def _gif(head: bytes, tail: bytes, size: int) -> bool:
    return size > 13 and tail.rstrip(b"\0").endswith(b";")


def _flac(head: bytes, tail: bytes, size: int) -> bool:
    return size > 42 and head[4] & 0x7F == 0  # the first block is the stream's description


def _mpeg(head: bytes, tail: bytes, size: int) -> bool:
    tag = head[6:10] if head.startswith(b"ID3") else b""
    length = sum(byte << shift for byte, shift in zip(tag, (21, 14, 7, 0), strict=False))
    return size > length + (10 if tag else 0) + 24  # at least a frame behind the tag


def _ogg(head: bytes, tail: bytes, size: int) -> bool:
    page = tail[tail.rfind(b"OggS") :]
    if len(page) < 27 or len(page) < 27 + page[26]:
        return False
    return len(page) >= 27 + page[26] + sum(page[27 : 27 + page[26]])


_WHOLE: dict[str, Callable[[bytes, bytes, int], bool]] = {
    "image/png": _png, "image/jpeg": _jpeg, "image/webp": _riff, "image/gif": _gif,
    "audio/wav": _riff, "audio/flac": _flac, "audio/mpeg": _mpeg, "audio/ogg": _ogg,
}  # fmt: skip
