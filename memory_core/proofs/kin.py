"""E1, what comes of a memory: derived and consolidated ones, exports, backups, twins.

What was made from an erased memory goes with it and is named by the receipt; so are the exports
and backups that are still there, and live memories that say or show the
same. A restore from the backup
brings none of it back.
"""

import io
import random
from dataclasses import dataclass
from pathlib import Path

from memory_core.build import open_memory
from memory_core.errors import NotFound
from memory_core.interchange.transfer import export_jsonl
from memory_core.journal.copying import Copy, note_copy
from memory_core.lifecycle import backup as copies
from memory_core.lifecycle.consolidation import Runs, consolidation_plan
from memory_core.lifecycle.media import content_of
from memory_core.lifecycle.policies import carry_out
from memory_core.lifecycle.provenance import derive
from memory_core.manager import MemoryManager
from memory_core.proofs.pictures import picture
from memory_core.proofs.residue import Traces, scan, told, traces_of
from memory_core.proofs.row import Findings
from memory_core.types import Receipt

EMBEDDER = "hash:32"


@dataclass(frozen=True, slots=True)
class Family:
    """A memory and all that was made from it."""

    root: str
    made: tuple[str, ...]
    words: tuple[str, ...]


def prove_kin(home: Path, index: str, words: list[list[str]], findings: Findings) -> None:
    """Let each list of eight words of their own become a family; erase its root."""
    place, export = home.with_name(f"{home.name}-backup"), home.with_name(f"{home.name}.jsonl")
    with open_memory(home, embedder=EMBEDDER, index=index) as memory:
        neutral = memory.store("The garden has a gate").id
        families = [_family(memory, some, neutral, number) for number, some in enumerate(words)]
        memory.parts.catchup.drain()
        memory.recall(f"What about {words[0][0]}?", k=5)
        traces = [
            traces_of(memory, id, family.words)
            for family in families
            for id in (family.root, *family.made)
        ]
        _copied(memory, export, place)
        for family in families:
            _erased(memory, family, (export, place), findings)
        _twins(memory, findings)
        left = [*scan(home, traces), *told(memory, traces)]
        findings.check(not left, f"{index}, kin: {len(left)} traces: {left[:2]}")
        findings.check(memory.get(neutral).state == "live", "a memory that was no child is gone")
    _restored(place, home.with_name(f"{home.name}-restored"), traces, findings)


def _family(memory: MemoryManager, words: list[str], neutral: str, number: int) -> Family:
    """Return a family of three generations, or one of episodes and what consolidates them."""
    a, b, c, d, *_ = words
    if number % 2:
        root = memory.store(f"The code of {a} is {b}", session=c).id
        child = derive(memory, f"{a} has a code, {d}", [root]).id
        grandchild = derive(memory, f"Codes like {d} are short", [neutral, child]).id
        return Family(root, (child, grandchild), (a, b, c, d))
    episodes = [
        memory.store(f"{who} came by boat and paid {day} coins", session=d, importance=0.6).id
        for day, who in enumerate((a, b, *words[4:6]))
    ]
    carry_out(memory, consolidation_plan(memory, session=d, runs=Runs(alike=-1)))
    made = tuple(one.id for one in memory.list(where={"source": "derived"}) if a in one.text)
    return Family(episodes[0], made, (a,))


def _copied(memory: MemoryManager, export: Path, place: Path) -> None:
    stream = io.StringIO()
    export_jsonl(memory, stream)
    export.write_text(stream.getvalue(), encoding="utf-8")
    database, uid = memory.journal.database, memory.journal.identity.uid.hex()
    note_copy(database, Copy(export, memory.parts.clock(), uid))
    copies.backup(memory, place)


def _erased(
    memory: MemoryManager, family: Family, kept: tuple[Path, ...], findings: Findings
) -> Receipt:
    findings.check(bool(family.made), "nothing was made from an episode")
    receipt = memory.erase(family.root)
    findings.injected += 1
    findings.check(receipt.residue == 0, f"the receipt says {receipt.residue}")
    missing = set(family.made) - set(receipt.derived)
    findings.check(not missing, f"the receipt names {len(receipt.derived)} of {len(family.made)}")
    notes = " ".join(receipt.notes)
    for path in kept:
        findings.check(str(path) in notes, f"the receipt does not name {path.name}")
    for id in family.made:
        try:
            memory.get(id)
        except NotFound:
            continue
        findings.check(False, "what was derived from an erased memory is there")
    return receipt


def _twins(memory: MemoryManager, findings: Findings) -> None:
    """Two memories say and show the same; the receipt of one names the other, which stays."""
    image = picture(random.Random(memory.journal.home.name))
    one, other = (
        memory.store("Both of us say this", session=s, image=image).id for s in ("s1", "s2")
    )
    receipt = memory.erase(one)
    findings.check(receipt.same_text == (other,), f"the twin is not named: {receipt.same_text}")
    findings.check(receipt.same_media == (other,), f"nor for the image: {receipt.same_media}")
    findings.check((receipt.media, receipt.residue) == (0, 0), "it counts what the twin has")
    findings.check(memory.get(other).text == "Both of us say this", "the twin is gone")
    findings.check(content_of(memory, other) == image, "the twin's image is gone")
    trace = traces_of(memory, other, ())
    receipt = memory.erase(other)
    findings.check((receipt.media, receipt.same_media) == (1, ()), "the last one keeps the image")
    left = scan(memory.journal.home, [trace])
    findings.check(not left, f"the twins' image: {len(left)} traces: {left[:2]}")


def _restored(place: Path, home: Path, traces: list[Traces], findings: Findings) -> None:
    copies.restore(place, home)
    left = scan(home, traces)
    findings.check(not left, f"restored: {len(left)} traces: {left[:2]}")
    with open_memory(home, embedder=EMBEDDER, index="exact") as memory:
        back = {one.id for one in memory.list(limit=10_000)} & {trace.id for trace in traces}
        findings.check(not back, f"{len(back)} erased memories are back")
