"""D3's restore: the new home has a whole store or none, and never what was erased since."""

import os
import random
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from memory_core.build import open_memory
from memory_core.lifecycle import backup as copies
from memory_core.lifecycle.checking import deep_faults
from memory_core.lifecycle.media import content_of
from memory_core.proofs.erasing import Subject
from memory_core.proofs.nursery import Life
from memory_core.proofs.pictures import orphans, picture
from memory_core.proofs.residue import Traces, scan, traces_of
from memory_core.proofs.scenes.scene import Check, Scene, Step

SUBJECTS, ERASED = 8, 3
STEPS: tuple[Step, ...] = (
    (copies, "_checked", 1), (copies, "_erase_again", 1), (copies, "_apply", 1),
    (copies, "_heads", 1), (copies, "copy_media", 1), (copies, "_settle", 1), (os, "replace", 1),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Known:
    """What must come back, and what must not."""

    kept: list[Subject]
    erased: list[Traces]


def _prepare(place: Path, chance: random.Random) -> Known:
    subjects = [Subject.of(chance, number) for number in range(SUBJECTS)]
    with open_memory(place / "home", embedder="hash:32", index="exact") as memory:
        for subject in subjects:
            subject.image = picture(chance)
            subject.store(memory)
        memory.parts.catchup.drain()
        copies.backup(memory, place / "backup")
        traces = [traces_of(memory, one.id, one.words) for one in subjects[:ERASED]]
        for subject in subjects[:ERASED]:
            memory.erase(subject.id)
    return Known(subjects[ERASED:], traces)


def _live(place: Path, armed: threading.Event) -> None:
    armed.set()
    copies.restore(place / "backup", place / "restored")


def _judge(place: Path, known: Known, life: Life, check: Check) -> float:
    target = place / "restored"
    if not (target / copies.FILE).exists():
        known = _one_more_erased(place, known)
        copies.restore(place / "backup", target)
    begun = time.monotonic()
    with open_memory(target, embedder="hash:32", index="exact") as memory:
        seconds = time.monotonic() - begun
        ids = {one.id for one in memory.list(limit=1000)}
        check(ids == {one.id for one in known.kept}, f"{len(ids)} memories are there")
        for subject in known.kept:
            check(content_of(memory, subject.id) == subject.image, "an image is not what it was")
        faults = deep_faults(memory)
        check(not faults, str(faults[:1]))
        left = orphans(memory)
        check(not left, f"files that are nobody's: {left}")
    left = scan(target, known.erased)
    check(not left, f"{len(left)} traces of what was erased: {left[:2]}")
    return seconds


def _one_more_erased(place: Path, known: Known) -> Known:
    """Erase what the restore that was cut short may have written already."""
    subject, *kept = known.kept
    with open_memory(place / "home", embedder="hash:32", index="exact") as memory:
        trace = traces_of(memory, subject.id, subject.words)
        memory.erase(subject.id)
    return Known(kept, [*known.erased, trace])


RESTORE = Scene(STEPS, _prepare, _live, _judge)
