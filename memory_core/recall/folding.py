r"""Several hits as the lines of one consolidated memory: one record's head for all of them.

    {"id": "…", "time": "2026-03-14", "lines": "Ana: I moved to Lisbon in March.\nBob: …"}

A hit may be shown by its line only where a reader loses nothing by it: the sentence that shares
most words with the question stands in the line, the day is the same, and its own record would show
neither a source, nor a trust other than the derived memory's, nor a file, nor only a part of it.
"""

from collections.abc import Mapping, Sequence

from memory_core.answers import Hit
from memory_core.recall.lines import line_in, sentences
from memory_core.terms import terms
from memory_core.types import Memory, Trust

PLAIN = frozenset({"id", "time", "speaker", "role", "text", "trust"})
"""Fields of a record that a line can stand for."""

Record = Mapping[str, str | bool]


def line_for(hit: Hit, record: Record, query: str) -> str | None:
    """Return the line that may be shown in place of a hit's record, None where none may."""
    if hit.within is None or not record.keys() <= PLAIN:
        return None
    memory, derived = hit.memory, hit.within.memory
    if derived.trust is not memory.trust or _day(derived) != _day(memory):
        return None
    found = line_in(derived.text, memory)
    if found is None:
        return None
    wanted = frozenset(terms(query)) - _names(derived)
    best, kept = (_most(wanted, text) for text in (memory.text, found))
    return found if kept >= best else None


def lines_record(derived: Memory, lines: Sequence[str]) -> Record:
    """Return the record that shows some lines of a derived memory, in its own order."""
    shown = set(lines)
    text = "\n".join(line for line in derived.text.split("\n") if line in shown)
    fields: dict[str, str | bool] = {"id": derived.id, "time": _day(derived)}
    if derived.trust is not Trust.NORMAL:
        fields["trust"] = derived.trust.value
    fields["lines"] = text
    return fields


def _day(memory: Memory) -> str:
    return f"{memory.occurred_at:%Y-%m-%d}"


def _most(wanted: frozenset[str], text: str) -> int:
    """Return how many of the words one sentence of a text has, at most."""
    return max((len(wanted.intersection(terms(each))) for each in sentences(text)), default=0)


def _names(derived: Memory) -> frozenset[str]:
    """Return the words of who speaks in a derived text: a greeting names them and says nothing."""
    heads = (line.partition(": ")[0] for line in derived.text.split("\n"))
    return frozenset(term for head in heads for term in terms(head))
