"""The operations that look around: the past, the neighbourhood of a memory, the journal."""

import numpy as np

from memory_core.errors import NotFound
from memory_core.journal.entries import Entry
from memory_core.journal.links import LinkReader
from memory_core.journal.memories import load_list
from memory_core.manager import MemoryManager
from memory_core.serve import counting, replies, requests
from memory_core.types import from_micros


def stats(memory: MemoryManager, asked: requests.Nothing) -> replies.Stats:
    """Count what the namespace holds."""
    return replies.Stats(**counting.counts(memory))


def verify(memory: MemoryManager, asked: requests.Nothing) -> replies.Verified:
    """Recompute the whole chain."""
    return replies.Verified(entries=memory.journal.head.seq, faults=memory.journal.verify())


def past(memory: MemoryManager, asked: requests.Past) -> replies.PastReply:
    """Return the memories that were live after an entry, the newest first."""
    journal = memory.journal
    snapshot = journal.snapshot(asked.seq)
    versions = np.sort(snapshot.columns["version"][snapshot.live()])[::-1]
    chosen = versions[asked.offset : asked.offset + asked.limit].tolist()
    with journal.database.read() as connection:
        found = load_list(connection, journal.identity.ns_id, chosen)
    return replies.PastReply(seq=snapshot.seq, total=len(versions), memories=found)


def around(memory: MemoryManager, asked: requests.Around) -> replies.Graph:
    """Return a memory with what is linked to it, as known at an entry."""
    journal = memory.journal
    memory.get(asked.id)
    seq = journal.head.seq if asked.seq is None else asked.seq
    read = LinkReader(journal.database, journal.identity.ns_id)
    links = read([asked.id], seq=seq, hops=asked.hops, limit=asked.limit)
    ids = dict.fromkeys([asked.id, *(end for link in links for end in (link.source, link.target))])
    found = []
    for id in ids:
        try:
            found.append(memory.get(id))
        except NotFound:  # erased since
            continue
    here = {each.id for each in found}
    kept = [link for link in links if link.source in here and link.target in here]
    return replies.Graph(center=asked.id, memories=found, links=kept)


def entries(memory: MemoryManager, asked: requests.Entries) -> replies.EntriesReply:
    """Return journal entries after one, without their bodies."""
    head = memory.journal.head.seq
    until = min(head, asked.after + asked.limit)
    found = memory.journal.entries(asked.after, until)
    return replies.EntriesReply(head=head, entries=[entry_reply(entry) for entry in found])


def entry_reply(entry: Entry) -> replies.EntryReply:
    """Return an entry as its number, time, event and memory."""
    payload = entry.payload or {}
    number = payload.get("number", payload.get("source"))
    return replies.EntryReply(
        seq=entry.seq,
        at=from_micros(entry.at).isoformat(),
        event=entry.kind,
        id=f"{number:016x}" if isinstance(number, int) else None,
        hash=entry.hash.hex(),
    )
