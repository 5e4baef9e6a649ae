"""E2: the process dies inside an erasure, at every step of it and at random moments.

After the next opening the memory is all there or all gone, and a receipt was only given for what
was gone already.
"""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from memory_core.build import open_memory
from memory_core.errors import NotFound
from memory_core.journal import erase as journal_erase
from memory_core.journal.database import Database
from memory_core.lifecycle import erase as lifecycle_erase
from memory_core.lifecycle.media import content_of
from memory_core.lifecycle.provenance import derive
from memory_core.manager import MemoryManager
from memory_core.proofs.erasing import Subject
from memory_core.proofs.nursery import READY, Life, Nursery, say
from memory_core.proofs.pictures import orphans, picture
from memory_core.proofs.plants import planted, swapped
from memory_core.proofs.residue import Traces, scan, told, traces_of
from memory_core.proofs.row import Findings, Proof, Run
from memory_core.proofs.scenes.scene import deadly
from memory_core.replay.recording import Recordings

POINTS: tuple[tuple[str, Any, str, int, bool], ...] = (
    ("before the recordings go", Recordings, "redact", 1, False),
    ("after the recordings went", Recordings, "redact", 1, True),
    ("before the commit", Database, "_commit", 1, False),
    ("after the commit", Database, "_commit", 1, True),
    ("after the recordings went again", Recordings, "redact", 2, True),
    ("before the cleaning", lifecycle_erase, "clean", 1, False),
    ("before the rewriting", Database, "scrub", 1, False),
    ("between rewriting and cutting the log", Database, "checkpoint", 1, False),
    ("before the image goes", lifecycle_erase, "sweep", 1, False),
    ("after the cleaning", lifecycle_erase, "clean", 1, True),
    ("before the search", lifecycle_erase, "residue", 1, False),
    ("after the search", lifecycle_erase, "residue", 1, True),
    ("before it is marked clean", journal_erase, "mark_clean", 1, False),
    ("after it is marked clean", journal_erase, "mark_clean", 1, True),
)
"""Name, owner and function, which call of it, and whether death comes before or after."""
EMBEDDER = "hash:32"
NEIGHBOURS = 40  # memories that share pages with the erased one
LIFE = (0.002, 0.12)  # seconds; an erasure takes about a tenth


def prove_crashes(run: Run, findings: Findings) -> None:
    """Die at each point `run.size` times, and as often at random moments of an erasure."""
    outcomes = {"erased": 0, "present": 0, "receipts": 0}
    with Nursery() as nursery:
        for turn in range(run.size):
            home = run.place / str(turn)
            _fill(home, run)
            for point in range(-1, len(POINTS)):
                subject, child, traces = _prepare(home, run, turn * 100 + point)
                seconds = run.random.uniform(*LIFE) if point < 0 else None
                arguments = {
                    "home": str(home), "id": subject.id, "point": point, "plant": run.planted
                }  # fmt: skip
                life = nursery.life(f"{__name__}:erase_and_die", arguments, seconds)
                findings.injected += life.killed
                reached = point < 0 or life.killed
                findings.check(reached, f"nobody died {POINTS[point][0]}: {life.said[-1:]}")
                with planted(run.planted):
                    _judge(home, life, (subject, child, traces), findings, outcomes=outcomes)
    findings.measured |= outcomes


def erase_and_die(*, home: str, id: str, point: int, plant: str | None) -> None:
    """Erase a memory in a child process that dies at one point of it."""
    with planted(plant), ExitStack() as stack:
        if point < 0:
            owner = None
        else:
            _, owner, name, call, after = POINTS[point]
            dying = swapped(owner, name, deadly(getattr(owner, name), call, after=after))
        if owner is Recordings:  # bound when the memory is opened
            stack.enter_context(dying)
        memory = open_memory(home, embedder=EMBEDDER, index="exact")
        say(READY)
        if owner is not None and owner is not Recordings:
            stack.enter_context(dying)
        receipt = memory.erase(id)
        say(receipt.model_dump_json())


def _fill(home: Path, run: Run) -> None:
    with open_memory(home, embedder=EMBEDDER, index="exact") as memory:
        for number in range(NEIGHBOURS):
            Subject.of(run.random, number).store(memory)


def _prepare(home: Path, run: Run, number: int) -> tuple[Subject, str, list[Traces]]:
    """Store, change and recall the memory that will be erased, and derive another from it."""
    subject = Subject.of(run.random, number)
    subject.image = picture(run.random)
    with open_memory(home, embedder=EMBEDDER, index="exact") as memory:
        subject.store(memory)
        subject.change(memory, subject, number)
        child = derive(memory, f"Whoever knows {subject.words[0]} is let in", [subject.id]).id
        memory.parts.catchup.drain()
        memory.recall(subject.question, k=3)
        memory.recall(memory.get(subject.id).text, k=1)
        ids = (subject.id, child)
        return subject, child, [traces_of(memory, id, subject.words) for id in ids]


def _judge(
    home: Path,
    life: Life,
    about: tuple[Subject, str, list[Traces]],
    findings: Findings,
    *,
    outcomes: dict[str, int],
) -> None:
    subject, child, traces = about
    receipt = json.loads(life.said[0]) if life.said and life.said[0].startswith("{") else None
    if receipt is not None:
        outcomes["receipts"] += 1
        left = scan(home, traces)
        findings.check(not left, f"a receipt was given and {len(left)} traces are left: {left[:1]}")
    with open_memory(home, embedder=EMBEDDER, index="exact") as memory:
        findings.check(memory.journal.verify() == [], "the chain is broken")
        derived = _is_there(memory, child)
        if _is_whole(memory, subject):
            findings.check(derived, "what was derived is gone, and its source is there")
            outcomes["present"] += 1
            findings.check(receipt is None, "a receipt was given for what is still there")
            memory.erase(subject.id)
            return
        outcomes["erased"] += 1
        findings.check(not derived, "what was derived outlived its source")
        left = [*scan(home, traces), *told(memory, traces), *orphans(memory)]
        findings.check(not left, f"erased, and {len(left)} traces are left: {left[:1]}")


def _is_there(memory: MemoryManager, id: str) -> bool:
    try:
        return memory.get(id).state == "live"
    except NotFound:
        return False


def _is_whole(memory: MemoryManager, subject: Subject) -> bool:
    try:
        whole = memory.get(subject.id)
    except NotFound:
        return False
    found = memory.recall(whole.text, k=1, record=False).hits
    shown = content_of(memory, subject.id) == subject.image
    return shown and bool(memory.history(subject.id)) and found[0].id == subject.id


PROOFS = (
    Proof(
        "E2", "an erasure that is cut short is finished at the next opening", 20, 1, prove_crashes
    ),
)
