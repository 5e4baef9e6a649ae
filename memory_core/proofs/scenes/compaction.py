"""D3's compaction: of what was forgotten long ago each group is whole or gone, all else is kept.

Six memories were forgotten 35 days ago and go in two groups; one of their images is somebody
else's, too. Two were forgotten later, one has a live child: those stay, and so does what is live.
"""

import random
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from memory_core.build import open_memory
from memory_core.errors import NotFound
from memory_core.index.derived import Derived
from memory_core.journal import entries, state
from memory_core.journal import erase as journal_erase
from memory_core.journal.database import Database
from memory_core.lifecycle import backup as copies
from memory_core.lifecycle import compaction
from memory_core.lifecycle import erase as lifecycle_erase
from memory_core.lifecycle.checking import deep_faults
from memory_core.lifecycle.compaction import compact
from memory_core.lifecycle.forgetting import DAY
from memory_core.lifecycle.media import content_of
from memory_core.lifecycle.policies import unforget
from memory_core.lifecycle.provenance import derive
from memory_core.manager import MemoryManager
from memory_core.proofs.erasing import Subject
from memory_core.proofs.nursery import Life, say
from memory_core.proofs.pictures import picture
from memory_core.proofs.plant import swapped
from memory_core.proofs.residue import Traces, recorded, scan, told, traces_of
from memory_core.proofs.scenes.scene import Check, Scene, Step
from memory_core.replay.recording import Recordings

BEGINNING = 1_700_000_000_000_000  # microseconds since 1970
DOOMED, RECENT, LINEAGE, LIVE = range(6), range(6, 8), 8, range(9, 13)
GROUP = 3
LATER, NOW = 20, 35  # days
OLD_RECORDINGS = 3650  # days; none is as old
STEPS: tuple[Step, ...] = (
    (Recordings, "drop", 1), (Recordings, "redact", 1), (Recordings, "redact", 2),
    (Database, "_begin", 1), (entries, "append", 2), (state, "apply", 2),
    (journal_erase, "remove", 2), (Database, "_commit", 1), (Database, "_commit", 2),
    (compaction, "tell_copies", 1), (compaction, "clean", 1), (Derived, "erased", 1),
    (Database, "scrub", 1), (Database, "checkpoint", 1), (lifecycle_erase, "sweep", 1),
    (journal_erase, "mark_clean", 1),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Known:
    """What was there before."""

    subjects: list[Subject]
    texts: list[str]
    traces: list[Traces]
    """Of the doomed ones."""

    def ids(self, numbers: range) -> list[str]:
        """Return the ids of some subjects."""
        return [self.subjects[number].id for number in numbers]


def _opened(home: Path, days: list[int]) -> MemoryManager:
    return open_memory(
        home, embedder="hash:32", index="exact", clock=lambda: BEGINNING + days[0] * DAY
    )


def _prepare(place: Path, chance: random.Random) -> Known:
    subjects = [Subject.of(chance, number) for number in range(LIVE.stop)]
    for number in (*DOOMED[::2], *RECENT):
        subjects[number].image = picture(chance)
    subjects[LIVE[0]].image = subjects[DOOMED[0]].image
    days = [0]
    with _opened(place / "home", days) as memory:
        for subject in subjects:
            subject.store(memory)
        for number in DOOMED:
            memory.revise(subjects[number].id, metadata={"code": subjects[number].words[6]})
        derive(memory, "Gardens have codes", [subjects[LINEAGE].id])
        memory.parts.catchup.drain()
        memory.recall(subjects[0].question)
        recorded(memory)
        traces = [traces_of(memory, subjects[n].id, subjects[n].words) for n in DOOMED]
        traces = [_without_shared(trace) if not n else trace for n, trace in enumerate(traces)]
        for number in (*DOOMED, LINEAGE):
            memory.forget(subjects[number].id)
        copies.backup(memory, place / "backup")
        days[0] = LATER
        for number in RECENT:
            memory.forget(subjects[number].id)
        texts = [memory.get(subject.id).text for subject in subjects]
    return Known(subjects, texts, traces)


def _without_shared(trace: Traces) -> Traces:
    return Traces(trace.id, trace.words, trace.vectors)  # its image is a live memory's, too


def _live(place: Path, armed: threading.Event) -> None:
    with swapped(compaction, "GROUP", GROUP), _opened(place / "home", [NOW]) as memory:
        armed.set()
        compact(memory, recordings_days=OLD_RECORDINGS)
        say("compacted")


def _judge(place: Path, known: Known, life: Life, check: Check) -> float:
    begun = time.monotonic()
    with _opened(place / "home", [NOW]) as memory:
        seconds = time.monotonic() - begun
        whole = [id for id in known.ids(DOOMED) if _is_whole(memory, known, id, check)]
        for at in range(0, len(DOOMED), GROUP):
            group = set(known.ids(DOOMED[at : at + GROUP])) & set(whole)
            check(len(group) in (0, GROUP), f"of a group {len(group)} are left")
        _judge_the_rest(memory, known, check)
        gone = [trace for trace in known.traces if trace.id not in whole]
        _judge_gone(memory, gone, check)
        done = compact(memory)
        check(set(done.memories) == set(whole), f"{len(done.memories)} went, not {len(whole)}")
        check(set(done.kept) == {known.subjects[LINEAGE].id}, f"kept {len(done.kept)}")
        _judge_the_rest(memory, known, check)
        _judge_gone(memory, known.traces, check)
        for id in known.ids(RECENT):
            check(unforget(memory, id).state == "live", "what was kept cannot be brought back")
    _judge_backup(place, known, check)
    return seconds


def _is_whole(memory: MemoryManager, known: Known, id: str, check: Check) -> bool:
    number = known.ids(DOOMED).index(id)
    try:
        found = memory.get(id)
    except NotFound:
        return False
    check(found.text == known.texts[number], "half of a memory is left")
    if found.media is not None:
        check(content_of(memory, id) == known.subjects[number].image, "an image went too early")
    return True


def _judge_the_rest(memory: MemoryManager, known: Known, check: Check) -> None:
    """See that what compaction keeps is there as it was."""
    for number in (*RECENT, LINEAGE, *LIVE):
        subject = known.subjects[number]
        found = memory.get(subject.id)
        check(found.text == known.texts[number], "a text that is kept changed")
        check(found.state == ("live" if number in LIVE else "forgotten"), f"it is {found.state}")
        if subject.image:
            check(content_of(memory, subject.id) == subject.image, "an image that is kept changed")
    for number in LIVE:
        hits = memory.recall(known.texts[number], k=1, record=False).hits
        check([hit.id for hit in hits] == [known.subjects[number].id], "a live one is not found")
    faults = deep_faults(memory)
    check(not faults, str(faults[:1]))


def _judge_gone(memory: MemoryManager, traces: list[Traces], check: Check) -> None:
    left = [*scan(memory.journal.home, traces), *told(memory, traces)]
    check(not left, f"{len(left)} traces of what is gone: {left[:2]}")


def _judge_backup(place: Path, known: Known, check: Check) -> None:
    """See that a backup from before brings none of it back."""
    done = copies.restore(place / "backup", place / "restored")
    check(done.left_out == len(DOOMED), f"a restore leaves out {done.left_out}")
    left = scan(place / "restored", known.traces)
    check(not left, f"restored: {len(left)} traces: {left[:1]}")


COMPACTION = Scene(STEPS, _prepare, _live, _judge)
