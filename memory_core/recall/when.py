"""Reads the times that a question names: "on 7 May 2023", "last Tuesday", "two weeks ago".

Rules for English; a phrase that none of them knows names no time. What is relative counts from
`now`. A month without a year is the latest one that has begun. All days are UTC.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
)  # fmt: skip
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SEASONS = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}
_NUMBERS = {
    "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7,
    "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "couple of": 2, "few": 3,
    "a couple of": 2, "a few": 3,
}  # fmt: skip
_MONTH = "|".join(f"{name}|{name[:3]}" for name in _MONTHS) + "|sept"
_NUMBER = "|".join(sorted(_NUMBERS, key=len, reverse=True))
_UNITS = {"day": 1, "week": 7, "month": 30, "year": 365}
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time that a question names, with the words that named it."""

    start: datetime
    stop: datetime
    words: str


def windows(question: str, now: datetime) -> tuple[Window, ...]:
    """Return the times that a question names, in order; none where it names none.

    Example:
        >>> (window,) = windows("What did I cook last Tuesday?", datetime(2026, 5, 15, tzinfo=UTC))
        >>> window.start.date().isoformat(), window.words
        ('2026-05-12', 'last Tuesday')
    """
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    taken: list[tuple[int, int]] = []
    found: list[tuple[int, Window]] = []
    for pattern, meaning in _RULES:
        for match in pattern.finditer(question):
            if any(match.start() < stop and start < match.end() for start, stop in taken):
                continue
            span = meaning(match, today)
            if span is not None:
                taken.append(match.span())
                found.append((match.start(), Window(*span, match[0])))
    return tuple(window for _, window in sorted(found, key=lambda pair: pair[0]))


_Span = tuple[datetime, datetime]


def _iso(match: re.Match[str], today: datetime) -> _Span | None:
    return _day(int(match["year"]), int(match["month"]), int(match["day"]))


def _date(match: re.Match[str], today: datetime) -> _Span | None:
    month, day = _month(match["month"]), int(match["day"])
    if match["year"]:
        return _day(int(match["year"]), month, day)
    this = _day(today.year, month, day)
    return this if this is None or this[0] <= today else _day(today.year - 1, month, day)


def _named_month(match: re.Match[str], today: datetime) -> _Span:
    month = _month(match["month"])
    year = int(match["year"]) if match["year"] else today.year - (month > today.month)
    return _months(year, month, 1)


def _season(match: re.Match[str], today: datetime) -> _Span:
    month = _SEASONS[match["season"].lower()]
    if match["year"]:
        return _months(int(match["year"]), month, 3)
    year = today.year - (datetime(today.year, month, 1, tzinfo=UTC) > today)
    earlier = match["which"].lower() == "last" and _months(year, month, 3)[1] > today
    return _months(year - earlier, month, 3)


def _year(match: re.Match[str], today: datetime) -> _Span:
    return _months(int(match["year"]), 1, 12)


def _near_day(match: re.Match[str], today: datetime) -> _Span:
    words = match[0].lower()
    back = 2 if "before" in words else 1 if words == "yesterday" or words == "last night" else 0
    return today - back * _DAY, today - (back - 1) * _DAY


def _ago(match: re.Match[str], today: datetime) -> _Span:
    days = _UNITS[match["unit"].lower()]
    middle = today - timedelta(days=days * _count(match["number"]))
    slack = timedelta(days=days // 2)
    return middle - slack, middle + slack + _DAY


def _within(match: re.Match[str], today: datetime) -> _Span:
    days = _UNITS[match["unit"].lower()] * _count(match["number"] or "one")
    return today - timedelta(days=days), today + _DAY


def _unit(match: re.Match[str], today: datetime) -> _Span:
    last, unit = match["which"].lower() != "this", match["unit"].lower()
    if unit == "weekend":
        saturday = today - timedelta(days=(today.weekday() - 5) % 7)
        return saturday, saturday + 2 * _DAY
    if unit == "week":
        monday = today - timedelta(days=today.weekday() + 7 * last)
        return monday, monday + 7 * _DAY
    if unit == "month":
        return _months(today.year, today.month - last, 1)
    return _months(today.year - last, 1, 12)


def _weekday(match: re.Match[str], today: datetime) -> _Span:
    back = (today.weekday() - _DAYS.index(match["day"].lower())) % 7 or 7
    start = today - timedelta(days=back)
    return start, start + _DAY


_RULES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], datetime], _Span | None]], ...] = (
    (re.compile(r"\b(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)\b"), _iso),
    (
        re.compile(
            rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?: of)? (?P<month>{_MONTH})\b\.?"
            r"(?:,? (?P<year>\d{4})\b)?",
            re.I,
        ),
        _date,
    ),
    (
        re.compile(
            rf"\b(?P<month>{_MONTH})\b\.? (?P<day>\d{{1,2}})(?:st|nd|rd|th)?\b"
            r"(?:,? (?P<year>\d{4})\b)?",
            re.I,
        ),
        _date,
    ),
    (
        re.compile(
            rf"\b(?:in|during|since|of|early|mid|late|last|this)[ -](?P<month>{_MONTH})\b"
            r"(?:,? (?P<year>\d{4})\b)?(?! \d)",
            re.I,
        ),
        _named_month,
    ),
    (re.compile(rf"\b(?P<month>{_MONTH}),? (?P<year>\d{{4}})\b", re.I), _named_month),
    (
        re.compile(
            r"\b(?P<which>last|this|in|during) (?:the )?(?P<season>spring|summer|autumn|fall|"
            r"winter)\b(?: of)?(?: (?P<year>\d{4})\b)?",
            re.I,
        ),
        _season,
    ),
    (re.compile(r"\b(?:in|during|since|of|year) (?P<year>(?:19|20)\d\d)\b", re.I), _year),
    (
        re.compile(
            r"\b(?:the day before yesterday|yesterday|today|tonight|last night|this morning|"
            r"this afternoon|this evening)\b",
            re.I,
        ),
        _near_day,
    ),
    (
        re.compile(
            rf"\b(?P<number>{_NUMBER}|\d{{1,3}}) (?P<unit>day|week|month|year)s? ago\b", re.I
        ),
        _ago,
    ),
    (
        re.compile(
            rf"\b(?:last|past) (?P<number>{_NUMBER}|\d{{1,3}}) (?P<unit>day|week|month|year)s?\b",
            re.I,
        ),
        _within,
    ),
    (
        re.compile(r"\b(?P<which>last|this|previous) (?P<unit>weekend|week|month|year)\b", re.I),
        _unit,
    ),
    (re.compile(r"\bthe past (?P<number>)(?P<unit>day|week|month|year)\b", re.I), _within),
    (re.compile(rf"\b(?:last|on|this past) (?P<day>{'|'.join(_DAYS)})\b", re.I), _weekday),
)


def _month(name: str) -> int:
    return next(n for n, month in enumerate(_MONTHS, 1) if month.startswith(name.lower()[:3]))


def _count(word: str) -> int:
    return int(word) if word.isdigit() else _NUMBERS[word.lower()]


def _day(year: int, month: int, day: int) -> _Span | None:
    try:
        start = datetime(year, month, day, tzinfo=UTC)
    except ValueError:
        return None
    return start, start + _DAY


def _months(year: int, month: int, count: int) -> _Span:
    """Return `count` months from a month on, which may be 0 for December of the year before."""
    first, last = 12 * year + month - 1, 12 * year + month - 1 + count
    return tuple(  # type: ignore[return-value]
        datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC) for number in (first, last)
    )
