"""Pairs from a store's own past: what a question was shown, and what of it turned out to be used.

    used      reinforced, or quoted in the reply, before the next question of the session
    example   question -> what was used; shown and not used = hard negatives
    link      a memory -> the one it is linked to

A question none of whose memories was used teaches nothing: nobody knows whether they were wrong.
Sessions are the groups, so that none is split between learning and judging; a question that is
asked again in another session belongs to the one that asked it first.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from memory_core.errors import InvalidInput
from memory_core.journal.entries import Entry
from memory_core.journal.events import Linked, Reinforced, Stored
from memory_core.train.examples import Example, plain

REACH = 40
"""Entries after a question in which use is looked for, where the session asks no other one."""
RUN = 5
"""Words in a row that make a quotation; a shorter memory must be there whole."""
REPLACING = frozenset({"supersedes"})
"""Relations between memories that contradict one another."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One recall: the question, and what it was shown."""

    question: str
    session: str | None
    seq: int
    """The newest entry when it was asked."""
    memories: Mapping[int, str]
    """Text as it is embedded, by the memory's number; the best first."""


def journal_pairs(
    shown: Sequence[Shown], entries: Iterable[Entry], texts: Mapping[int, str]
) -> list[Example]:
    """Return the examples that a store's recalls, uses and links make.

    Args:
        shown: its recorded recalls, in any order.
        entries: of its journal, oldest first.
        texts: text as it is embedded, by number, of memories that links may name.

    Raises:
        InvalidInput: nothing was used and nothing is linked.
    """
    written = list(entries)
    made = [*_from_recalls(shown, written), *_from_links(written, texts)]
    if not made:
        raise InvalidInput(
            "this store teaches nothing yet: no recalled memory was reinforced or quoted in a "
            "reply, and none are linked; use --pairs FILE, or come back later"
        )
    return made


def quoted(text: str, reply: str) -> bool:
    """Tell whether a reply repeats a memory: five words in a row, or all of a shorter one."""
    words, said = _words(text), _words(reply)
    if len(words) < 2:
        return False
    run = min(RUN, len(words))
    there = {tuple(said[n : n + run]) for n in range(len(said) - run + 1)}
    return any(tuple(words[n : n + run]) in there for n in range(len(words) - run + 1))


def _from_recalls(shown: Sequence[Shown], written: Sequence[Entry]) -> Iterator[Example]:
    ordered = sorted(shown, key=lambda one: one.seq)
    first: dict[str, str] = {}
    for place, one in enumerate(ordered):
        group = first.setdefault(one.question.casefold(), one.session or f"{one.seq}")
        later = [o.seq for o in ordered[place + 1 :] if o.session == one.session]
        end = min([*(seq for seq in later if seq > one.seq), one.seq + REACH])
        used = _used(one, [entry for entry in written if one.seq < entry.seq <= end])
        wrong = tuple(text for number, text in one.memories.items() if number not in used)
        for number in used:
            yield Example(one.question, one.memories[number], wrong, "recalls", group)


def _used(one: Shown, after: Sequence[Entry]) -> list[int]:
    events = [entry.event for entry in after]
    useful = {event.number for event in events if isinstance(event, Reinforced)}
    replies = [
        event
        for event in events
        if isinstance(event, Stored) and event.role == "assistant" and event.session == one.session
    ][:1]
    for reply in replies:  # the hooks note which memories a reply repeats and leave the words out
        noted = reply.metadata.get("quotes")
        useful |= {int(str(id), 16) for id in noted} if isinstance(noted, list) else set()
    return [
        number
        for number, text in one.memories.items()
        if number in useful or any(quoted(text, reply.text) for reply in replies)
    ]


def _from_links(written: Sequence[Entry], texts: Mapping[int, str]) -> Iterator[Example]:
    sessions = {
        event.number: event.session for entry in written if isinstance(event := entry.event, Stored)
    }
    for entry in written:
        event = entry.event
        if isinstance(event, Linked) and event.relation not in REPLACING:
            source, target = texts.get(event.source), texts.get(event.target)
            if source and target and source != target:
                group = sessions.get(event.source) or f"{event.source}"
                yield Example(source, target, (), "links", group)


def _words(text: str) -> list[str]:
    return [word.strip(".,;:!?()\"'’“”").casefold() for word in plain(text).split()]
