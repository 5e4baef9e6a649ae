"""Keeps at most one value of a fact true at any moment: (subject, attribute) is its key.

    before   Lisbon [March …                       a write "Porto, from June" closes Lisbon at June
    after    Lisbon [March … June)  Porto [June …

A memory with a key is true from its `valid_from`, else from its event time. A later start closes
what it meets; an earlier start that is told late ends where the next one begins; of two with the
same start the one written later holds. What was forgotten or invalidated takes no part. All of it
is decided inside the transaction, from the state and the event alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from memory_core.errors import InvalidInput
from memory_core.journal.codes import NEVER
from memory_core.journal.events import Event, Linked, Stored, Superseded
from memory_core.journal.journal import Pending
from memory_core.types import from_micros

SUPERSEDES = "supersedes"
EVERY = "*"
"""As a member of the many-valued attributes: all of them."""

Key = tuple[str, str]


@dataclass(slots=True)
class Span:
    """From when to when one memory of a key is true."""

    number: int
    start: int
    end: int


class Timelines:
    """The spans of the keys that one transaction touches, as its events will leave them.

    Args:
        state: inside the write transaction.
        many_valued: attributes that hold several values at once; they are left alone.
    """

    def __init__(self, state: Pending, many_valued: Iterable[str] = ()) -> None:
        self._state = state
        self._many = frozenset(many_valued)
        self._spans: dict[Key, list[Span]] = {}

    def placed(self, event: Stored, given_up: int | None = None) -> Sequence[Event]:
        """Return the event with the span it gets, and what happens to the others of its key.

        Args:
            event: a new memory; one without a key is returned as it is.
            given_up: a memory that is being closed for this one anyway.

        Raises:
            InvalidInput: it would end before it begins, and no longer close what it meets.
        """
        if event.subject is None or event.attribute is None:
            return [event]
        if self._many & {EVERY, event.attribute}:
            return [event]
        start = check_span(event)
        key = event.subject, event.attribute
        spans = self._spans.setdefault(key, self._load(*key))
        end = NEVER if event.valid_to is None else event.valid_to
        following = min((s for s in spans if s.start > start), key=_by_start, default=None)
        cut_short = following is not None and following.start < end
        own = Span(event.number, start, following.start if cut_short and following else end)
        events: list[Event] = [replace(event, valid_from=start)]
        for span in spans:
            if span.start <= start < span.end or span.start == start:
                span.end = start
                if span.number != given_up:
                    events += _closed(span, event.number)
        if cut_short and following is not None:
            events += _closed(own, following.number)
        spans.append(own)
        return events

    def _load(self, subject: str, attribute: str) -> list[Span]:
        return [
            Span(number, start, end)
            for number, start, end in self._state.spans_of_key(subject, attribute)
        ]


def check_span(event: Stored) -> int:
    """Return since when a memory that replaces another is true, in microseconds since 1970.

    Raises:
        InvalidInput: it would end before that.
    """
    start = event.occurred_at if event.valid_from is None else event.valid_from
    if event.valid_to is not None and event.valid_to <= start:
        raise InvalidInput(
            f"the memory would end at {from_micros(event.valid_to)}, not after its start at "
            f"{from_micros(start)}; pass a later valid_to, or an earlier valid_from"
        )
    return start


def _closed(span: Span, by: int) -> list[Event]:
    return [Superseded(span.number, by, span.end), Linked(by, span.number, SUPERSEDES)]


def _by_start(span: Span) -> tuple[int, int]:
    return span.start, span.number
