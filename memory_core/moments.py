"""Moments as the journal keeps them: microseconds since 1970 UTC, exactly."""

from datetime import UTC, datetime

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_micros(moment: datetime) -> int:
    """Return a moment as microseconds since 1970 UTC, exactly."""
    delta = moment - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def from_micros(micros: int) -> datetime:
    """Return microseconds since 1970 UTC as an aware datetime."""
    days, rest = divmod(micros, 86_400_000_000)
    seconds, microseconds = divmod(rest, 1_000_000)
    return datetime.fromordinal(_EPOCH.toordinal() + days).replace(
        hour=seconds // 3600,
        minute=seconds // 60 % 60,
        second=seconds % 60,
        microsecond=microseconds,
        tzinfo=UTC,
    )
