"""What a memory may hold: the checks that run before anything is written.

Every limit has one name here, every refusal says what was wrong and where. Nothing is
repaired in silence: a value either round-trips byte for byte or raises.
"""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from memory_core.errors import InvalidInput, InvalidMetadata, InvalidText

MAX_TEXT_BYTES = 1_048_576  # 1 MiB of UTF-8: about 250,000 tokens, longer than any turn
MAX_NAME_BYTES = 256  # session, speaker, subject, attribute, key, namespace
DEFAULT_NAMESPACE = "default"
MAX_METADATA_KEYS = 64
MAX_METADATA_BYTES = 8_192
MAX_K = 200
MAX_TIMES = 1_000  # reinforcements at once: their sum has to fit 31 bits
MAX_INTEGER = 2**63 - 1  # what SQLite stores without changing it
MAX_WAIT_MS = 86_400_000  # a day

Scalar = str | int | float | bool
MetadataValue = Scalar | list[str] | list[int] | list[float] | list[bool]
Metadata = Mapping[str, MetadataValue]

_SURROGATE = re.compile("[\ud800-\udfff]")
_SHOWN = 80  # characters of a wrong value in a message


def check_text(text: object, where: str = "text") -> str:
    """Return `text` unchanged if it can be stored and found again.

    Raises:
        InvalidText: not a string, blank, with lone surrogates, or over MAX_TEXT_BYTES.
    """
    if not isinstance(text, str):
        raise InvalidText(f"{where} is {type(text).__name__}, not str; pass the text itself")
    check_unicode(text, where)
    if not text.strip().strip("\x00"):
        raise InvalidText(f"{where} is blank; write something that can be recalled")
    size = len(text.encode())
    if size > MAX_TEXT_BYTES:
        raise InvalidText(
            f"{where} has {size:,} bytes, the limit is {MAX_TEXT_BYTES:,}; split it into parts"
        )
    return text


def check_reason(reason: str | None) -> None:
    """Refuse a reason that could not be written down.

    Raises:
        InvalidText: not a string, blank, too long, or with lone surrogates.
    """
    if reason is not None:
        check_text(reason, "reason")


def check_unicode(text: str, where: str) -> str:
    """Return `text` unchanged if UTF-8 can carry it.

    Raises:
        InvalidText: with the position of the first lone surrogate.
    """
    if not text.isascii() and (found := _SURROGATE.search(text)):
        raise InvalidText(
            f"{where} has a lone surrogate at position {found.start()}; "
            "decode it with errors='replace' or repair the source"
        )
    return text


def check_name(name: object, where: str) -> str:
    """Return a short identifying string unchanged: a session, a speaker, a key.

    Raises:
        InvalidInput: not a string, blank, over MAX_NAME_BYTES, or with NUL or surrogates.
    """
    if not isinstance(name, str):
        raise InvalidInput(f"{where} is {type(name).__name__}, not str; pass a string")
    check_unicode(name, where)
    if not name.strip() or "\x00" in name:
        raise InvalidInput(f"{where} is blank or holds NUL; give it visible characters")
    if len(name.encode()) > MAX_NAME_BYTES:
        raise InvalidInput(f"{where} is over {MAX_NAME_BYTES} bytes; shorten it")
    return name


def check_metadata(metadata: object) -> dict[str, MetadataValue]:
    """Return the metadata as a plain dict of scalars and lists of scalars, unchanged.

    A list of whole and broken numbers, as JSON has them, becomes one of float.

    Raises:
        InvalidMetadata: naming the key, for None, NaN, infinity, integers beyond 64 bits,
            nested or mixed values, and anything over the limits.
    """
    if not isinstance(metadata, Mapping):
        raise InvalidMetadata(f"metadata is {type(metadata).__name__}; pass a mapping")
    if len(metadata) > MAX_METADATA_KEYS:
        raise InvalidMetadata(
            f"metadata has {len(metadata)} keys, the limit is {MAX_METADATA_KEYS}; drop some"
        )
    checked: dict[str, MetadataValue] = {}
    size = 0
    for key, value in metadata.items():
        try:
            check_name(key, f"metadata key {shown(key)}")
        except InvalidInput as error:
            raise InvalidMetadata(str(error)) from error
        checked[key] = _value(value, f"metadata[{shown(key)}]")
        size += len(key.encode()) + _size(checked[key])
    if size > MAX_METADATA_BYTES:
        raise InvalidMetadata(
            f"metadata has {size:,} bytes, the limit is {MAX_METADATA_BYTES:,}; "
            "store long values as text"
        )
    return checked


def check_time(value: datetime | str, where: str) -> datetime:
    """Return a moment in UTC; a naive time is taken as UTC.

    Raises:
        InvalidInput: not a datetime or ISO 8601 string.
    """
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError as error:
            raise InvalidInput(
                f"{where}={shown(value)} is not an ISO 8601 time; write 2026-03-14T18:30:00Z"
            ) from error
    if not isinstance(value, datetime):
        raise InvalidInput(f"{where} is {type(value).__name__}; pass a datetime or ISO string")
    if value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise InvalidInput(
            f"{where}={value} leaves the years 1 to 9999 in UTC; correct it"
        ) from error


def check_count(value: object, where: str, *, least: int = 1, most: int = MAX_INTEGER) -> int:
    """Return a whole number in `least`..`most`.

    Raises:
        InvalidInput: not a whole number, or out of range.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InvalidInput(
            f"{where}={shown(value)} is no whole number from {least} to {most}; pass one"
        )
    return value


def check_share(value: object, where: str) -> float:
    """Return a number in 0..1.

    Raises:
        InvalidInput: not a number, NaN, or outside 0..1.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise InvalidInput(f"{where}={shown(value)} is not a number from 0 to 1; scale it")
    return float(value)


def check_flag(value: object, where: str) -> bool:
    """Return True or False.

    Raises:
        InvalidInput: anything else, however true it looks.
    """
    if not isinstance(value, bool):
        raise InvalidInput(f"{where}={shown(value)} is neither True nor False; pass one of them")
    return value


def check_wait(value: object, where: str) -> float:
    """Return a waiting time in milliseconds, above 0 and at most a day.

    Raises:
        InvalidInput: not a number, NaN, or out of range.
    """
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not 0 < value <= MAX_WAIT_MS
    ):
        raise InvalidInput(
            f"{where}={shown(value)} is no number of milliseconds above 0 and up to a day; pass one"
        )
    return value


def shown(value: object) -> str:
    """Return a wrong value as a message can carry it: on one line, cut, whatever its repr does."""
    try:
        told = repr(value)
    except Exception:
        return f"<{type(value).__name__}>"
    told = " ".join(told.split())
    return told if len(told) <= _SHOWN else told[: _SHOWN - 1] + "…"


def _value(value: object, where: str) -> MetadataValue:
    if isinstance(value, list | tuple):
        kinds = {type(item) for item in value}
        if kinds == {int, float} and all(float(item) == item for item in value):
            value = [float(item) for item in value]  # JSON writes 2.0 as 2
        elif len(kinds) > 1:
            raise InvalidMetadata(f"{where} mixes types; give a list one type")
        return [_scalar(item, f"{where}[{n}]") for n, item in enumerate(value)]  # type: ignore[return-value]
    return _scalar(value, where)


def _scalar(value: object, where: str) -> Scalar:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        try:
            return check_unicode(value, where)
        except InvalidText as error:
            raise InvalidMetadata(str(error)) from error
    if isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            raise InvalidMetadata(f"{where} is beyond 64 bits; pass it as a string")
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidMetadata(f"{where} is {value}; leave it out instead")
        return value
    raise InvalidMetadata(
        f"{where} is {type(value).__name__}; use str, int, float, bool or a list of one of them"
    )


def _size(value: MetadataValue) -> int:
    if isinstance(value, list):
        return sum(_size(item) for item in value)
    return len(value.encode()) if isinstance(value, str) else 8
