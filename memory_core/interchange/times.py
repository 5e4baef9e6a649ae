"""Event times as the formats write them, turned into UTC; a time that is absent stays absent."""

import math
from datetime import UTC, datetime

from memory_core.errors import InvalidInput
from memory_core.limits import check_time

_MILLISECONDS_FROM = 1e11  # as seconds this would be the year 5138
_MICROSECONDS_FROM = 1e14


def moment(value: object, where: str) -> datetime | None:
    """Return a time given as ISO 8601 text or as seconds, milli- or microseconds since 1970.

    Raises:
        InvalidInput: neither, or outside the years 1 to 9999.
    """
    if value is None:
        return None
    if isinstance(value, str | datetime):
        return check_time(value, where)
    if isinstance(value, bool) or not isinstance(value, int | float) or not _finite(value):
        raise _wrong(value, where)
    try:
        return datetime.fromtimestamp(_seconds(value), UTC)
    except (OverflowError, OSError, ValueError) as error:
        raise _wrong(value, where) from error


def written(text: object, pattern: str, where: str) -> datetime:
    """Return a time written in a format's own fashion, taken as UTC.

    Raises:
        InvalidInput: the text does not follow `pattern` (as `strptime` has it).
    """
    try:
        return datetime.strptime(str(text).strip(), pattern).replace(tzinfo=UTC)
    except ValueError as error:
        raise InvalidInput(f"{where}={text!r} is not a time like {pattern!r}; repair it") from error


def written_or_note(
    value: object, pattern: str, where: str, *, whose: str
) -> tuple[datetime | None, str]:
    """Return a time as `written` does, or none, and what has to be noted about it.

    Args:
        value: what the format says.
        pattern: as `strptime` has it.
        where: the time's place, for the note.
        whose: what has the time: "session" or "turn".
    """
    if value is None:
        return None, f"the {whose} has no date"
    try:
        return written(value, pattern, where), "the time zone is unknown and taken as UTC"
    except InvalidInput as error:
        return None, f"the {whose}'s date is unreadable; {error}"


def _seconds(value: int | float) -> float:
    if abs(value) >= _MICROSECONDS_FROM:
        return value / 1_000_000
    return value / 1_000 if abs(value) >= _MILLISECONDS_FROM else value


def _finite(value: int | float) -> bool:
    return isinstance(value, int) or math.isfinite(value)


def _wrong(value: object, where: str) -> InvalidInput:
    return InvalidInput(f"{where}={value!r} is not a time; write ISO 8601 or seconds since 1970")
