"""E1, E4: an erasure leaves nothing in any file, and its receipt can be checked and not forged."""

import random
import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from memory_core.build import open_memory
from memory_core.lifecycle import erase as lifecycle_erase
from memory_core.manager import MemoryManager
from memory_core.proofs.kin import prove_kin
from memory_core.proofs.pictures import orphans, picture
from memory_core.proofs.plants import planted
from memory_core.proofs.residue import Traces, recorded, scan, told, traces_of
from memory_core.proofs.row import Findings, Proof, Run
from memory_core.types import Receipt

INDEXES = ("exact", "chroma")
ERASED_SHARE = 10  # one in ten
KIN_SHARE = 15


def prove_erasure(run: Run, findings: Findings) -> None:
    """Store, change and recall memories, erase every tenth, search all files for them."""
    for index in INDEXES:
        home = run.place / index
        with planted(run.planted):
            traces = _lived(home, index, run, findings)
        found = scan(home, traces)
        findings.check(not found, f"{index}, closed: {len(found)} traces: {found[:2]}")
        with open_memory(home, embedder="hash:32", index=index) as memory:
            left = told(memory, traces)
            findings.check(not left, f"{index}: {len(left)} said: {left[:2]}")
            findings.check(memory.journal.verify() == [], "the chain is broken")
            kept = len(memory.list(limit=10 * run.size))
            stray = orphans(memory)
            findings.check(not stray, f"{index}: files that are nobody's: {stray[:2]}")
        expected = run.size - len(traces)
        findings.check(kept == expected, f"{kept} memories left, {expected} were not erased")
        with planted(run.planted):
            count = max(run.size // KIN_SHARE, 2)
            words = [Subject.of(run.random, number).words for number in range(count)]
            prove_kin(run.place / f"{index}-kin", index, words, findings)


def _lived(home: Path, index: str, run: Run, findings: Findings) -> list[Traces]:
    """Let a store live, erase, search it while it is open; return what was looked for."""
    subjects = [Subject.of(run.random, number) for number in range(run.size)]
    illustrate(subjects, run.random)
    with open_memory(home, embedder="hash:32", index=index) as memory:
        for subject in subjects:
            subject.store(memory)
        for number, subject in enumerate(subjects):
            subject.change(memory, subjects[number - 1], number)
        memory.parts.catchup.drain()
        for subject in subjects[::3]:
            memory.recall(subject.question, k=3)
        recorded(memory)  # what is still in the queue at an erasure is dropped by another rule
        chosen = subjects[::ERASED_SHARE]
        traces = [traces_of(memory, subject.id, subject.words) for subject in chosen]
        for subject, trace in zip(chosen, traces, strict=True):
            receipt = memory.erase(subject.id)
            findings.injected += 1
            findings.check(receipt.residue == 0, f"{index}: the receipt says {receipt.residue}")
            findings.check(receipt.vectors >= 1, "no vector was there to erase")
            told = (receipt.media, receipt.same_media)
            findings.check(told == (int(bool(subject.image)), ()), f"of images it says {told}")
            left = scan(home, [trace])
            findings.check(not left, f"{index}, open: {len(left)} traces: {left[:2]}")
        memory.recall("which garden is open today?")
    return traces


def prove_receipts(run: Run, findings: Findings) -> None:
    """Erase a hundred memories; verify the chain after each; try forged receipts."""
    with planted(run.planted), open_memory(run.place, embedder="hash:32") as memory:
        subjects = [Subject.of(run.random, number) for number in range(2 * run.size)]
        for subject in subjects:
            subject.store(memory)
        receipts = []
        for subject in subjects[: run.size]:
            receipts.append(memory.erase(subject.id))
            findings.check(memory.journal.verify() == [], "the chain is broken by an erasure")
        for receipt, other in zip(receipts, [*receipts[1:], receipts[0]], strict=True):
            faults = lifecycle_erase.faults_of(memory.journal, receipt)
            findings.check(not faults, f"an honest receipt is refused: {faults}")
            for forged in _forgeries(receipt, other, subjects[-1].id):
                findings.injected += 1
                refused = lifecycle_erase.faults_of(memory.journal, forged) != []
                changed = set(forged) - set(receipt)
                findings.check(refused, f"a receipt with forged {changed} passes")


def _forgeries(receipt: Receipt, other: Receipt, alive: str) -> Iterator[Receipt]:
    """Yield receipts that say something else than what happened."""
    yield receipt.model_copy(update={"id": other.id})
    yield receipt.model_copy(update={"id": alive})
    yield receipt.model_copy(update={"at": receipt.at + timedelta(microseconds=1)})
    yield receipt.model_copy(update={"entry": other.entry})
    yield receipt.model_copy(update={"entry": 10**9})
    yield receipt.model_copy(update={"entry": 1})
    yield receipt.model_copy(update={"entry_hash": other.entry_hash})
    yield receipt.model_copy(update={"entry_hash": receipt.entry_hash[:-1] + "x"})
    yield receipt.model_copy(update={"versions": receipt.versions + 1})


def illustrate(subjects: Sequence["Subject"], chance: random.Random) -> None:
    """Give half of the subjects an image: of those erased, too."""
    for subject in subjects:
        if subject.number % (2 * ERASED_SHARE) < ERASED_SHARE:
            subject.image = picture(chance)


@dataclass(slots=True)
class Subject:
    """A memory full of words that stand nowhere else."""

    words: list[str]
    number: int
    id: str = ""
    image: bytes = b""

    @classmethod
    def of(cls, chance: random.Random, number: int) -> "Subject":
        """Return a subject with words of its own."""
        return cls(
            ["".join(chance.choices(string.ascii_lowercase, k=12)) for _ in range(8)], number
        )

    @property
    def question(self) -> str:
        """What a user could ask about it, in other letters."""
        return f"What about {self.words[0].upper()} and {self.words[1]}?"

    def store(self, memory: MemoryManager) -> None:
        """Store it."""
        a, b, c, d, e, *_ = self.words
        self.id = memory.store(
            f"The code of {a.title()} is {b}, they say in garden {self.number % 7}",
            speaker=c if self.number % 2 else None,
            session=c,
            key=f"key {d}",
            metadata={"code": e, "tags": [e, f"x{e}"], "n": self.number},
            image=self.image or None,
        ).id

    def change(self, memory: MemoryManager, other: "Subject", number: int) -> None:
        """Change it in one of the ways there are."""
        f, g, h = self.words[5:]
        if number % 5 == 0:
            memory.revise(self.id, text=f"It was {f} all the time, not {self.words[0]}")
        if number % 5 == 1:
            memory.revise(self.id, metadata={"code": g}, subject=h)
        if number % 5 == 2:
            memory.link(self.id, other.id, f"beside {f}")
        if number % 5 == 3:
            memory.reinforce(self.id, 2)
        if number % 20 == 0:
            memory.revise(self.id, speaker=g)


PROOFS = (
    Proof("E1", "erase leaves no byte in any file of the store", 300, 30, prove_erasure),
    Proof("E4", "the chain outlives erasures and bears out true receipts", 100, 4, prove_receipts),
)
