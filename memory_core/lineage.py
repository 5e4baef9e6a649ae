"""Trust flows down a lineage and never up: what is derived is believed no more than its sources.

    trust(derived)  ≤  min trust(source)      over every `derived_from` link there ever was

Links that were taken back count: the words were made from the source all the same. Every verb that
lowers trust lowers it below, in the same transaction.
"""

from collections.abc import Iterable

from memory_core.journal.codes import TRUSTS
from memory_core.journal.events import Event, Trusted
from memory_core.journal.pending import Pending
from memory_core.types import Trust

ORDER = {trust: place for place, trust in enumerate(TRUSTS)}


def least(trusts: Iterable[Trust], most: Trust = Trust.HIGH) -> Trust:
    """Return the lowest of some trusts, `most` for none."""
    return min([most, *trusts], key=lambda trust: ORDER[trust])


def trust_of(state: Pending, number: int) -> Trust | None:
    """Return how far a memory is believed, None if it is not there."""
    row = state.current(number)
    return None if row is None else TRUSTS[row["trust"]]


def ceiling(state: Pending, number: int) -> Trust:
    """Return the most that a memory may be believed: the least of its sources'."""
    known = (trust_of(state, source) for source in state.sources_of(number))
    return least(trust for trust in known if trust is not None)


def lowered(state: Pending, number: int, trust: Trust, reason: str | None = None) -> list[Event]:
    """Return what brings everything derived from a memory down to a trust."""
    return [
        Trusted(each, trust.value, reason)
        for each in state.derived_from(number)
        if (now := trust_of(state, each)) is not None and ORDER[now] > ORDER[trust]
    ]
