"""I5: the embedding model changes while the store is written and asked, and the change is killed.

Nothing is lost, no query meets vectors of another model, and the old vectors serve until one entry
says otherwise. The oracle of every score is the embedder itself: texts are encoded once more.
"""

import itertools
import threading
from dataclasses import dataclass, field
from pathlib import Path

from memory_core.build import open_memory
from memory_core.embed.base import Embedder
from memory_core.embed.hashing import HashEmbedder
from memory_core.errors import ModelMismatch
from memory_core.journal.serving import read_serving
from memory_core.manager import MemoryManager
from memory_core.migrate import drop, migrate, rollback, standings
from memory_core.migrate.run import BATCH, Plan
from memory_core.proofs.nursery import READY, Nursery, say
from memory_core.proofs.plants import planted
from memory_core.proofs.row import Findings, Proof, Run
from memory_core.proofs.writer import text_of_key

OLD, NEW = "hash:384", "hash:768"
TEXTS = 300  # embedded before the change begins
LIFE = (0.02, 0.2)  # seconds; filling them takes about as long
SAMPLE = 25
EXACT = 1e-5


@dataclass(slots=True)
class Traffic:
    """Stores and recalls in threads of their own, until told to stop."""

    memory: MemoryManager
    findings: Findings
    keys: list[str] = field(default_factory=list)
    recalls: int = 0
    stop: threading.Event = field(default_factory=threading.Event)
    trouble: list[str] = field(default_factory=list)

    def store(self) -> None:
        """Store without end, noting what was acknowledged."""
        for number in itertools.count(TEXTS):
            if self.stop.wait(0.002):
                return
            key = f"k:{number}"
            self.memory.store(text_of_key(key), key=key)
            self.keys.append(key)

    def ask(self) -> None:
        """Recall without end, comparing every score with the old model's own."""
        for number in itertools.cycle(range(0, TEXTS, 7)):
            if self.stop.is_set():
                return
            self.trouble += wrong_scores(self.memory, f"k:{number}", HashEmbedder(384))
            self.recalls += 1

    def guarded(self, work: str) -> None:
        """Run one of the two; what it raises is a finding, not a lost thread."""
        try:
            getattr(self, work)()
        except Exception as error:
            self.trouble.append(f"{work} failed: {type(error).__name__}: {error}")


def wrong_scores(memory: MemoryManager, key: str, embedder: Embedder) -> list[str]:
    """Recall a memory by its text; return what is wrong with the answer's dense scores."""
    text = text_of_key(key)
    result = memory.recall(text, k=5, record=False)
    if result.status == "failed" or not result.hits:
        return [f"{key}: {result.status}, {result.reasons}"]
    query, wrong = embedder.encode_query(text), []
    if result.hits[0].memory.key != key:
        wrong.append(f"{key} is not found by its own text")
    for hit in result.hits:
        score = hit.signals.get("dense")
        true = float(embedder.encode_query(hit.memory.text) @ query)
        if score is not None and abs(score - true) > EXACT:
            wrong.append(f"{key}: a score of {score:.6f} where the model says {true:.6f}")
    return wrong


def change(*, home: str, switching: bool, plant: str | None) -> None:
    """Migrate in a child that is killed."""
    with planted(plant):
        say(READY)
        done = migrate(home, NEW, plan=Plan(switching=switching, recalls=5))
        say(f"left {done.switched.pending}" if done.switched else "filled")


def prove_migration(run: Run, findings: Findings) -> None:
    """Fill under kills, switch, compare, go back."""
    home = run.place
    with open_memory(home, embedder=OLD, crossover=100_000) as memory:
        memory.store_many({"text": text_of_key(f"k:{n}"), "key": f"k:{n}"} for n in range(TEXTS))
        memory.parts.catchup.drain()
        traffic = Traffic(memory, findings, [f"k:{n}" for n in range(TEXTS)])
        threads = [
            threading.Thread(target=traffic.guarded, args=(work,)) for work in ("store", "ask")
        ]
        for thread in threads:
            thread.start()
        try:
            _killed(run, findings, home)
            _switched(run, findings, home)
        finally:
            traffic.stop.set()
            for thread in threads:
                thread.join()
    findings.n += traffic.recalls
    findings.failures += traffic.trouble[:20]
    _afterwards(run, findings, home, traffic.keys)
    findings.measured |= {
        "kills": findings.injected, "recalls_meanwhile": traffic.recalls,
        "stored_meanwhile": len(traffic.keys) - TEXTS,
    }  # fmt: skip


def _killed(run: Run, findings: Findings, home: Path) -> None:
    """Kill the filling again and again, then two whole migrations; full ones begin anew."""
    with Nursery() as nursery:
        for number in range(run.size + 2):
            whole = number >= run.size
            arguments = {"home": str(home), "switching": whole, "plant": run.planted}
            life = nursery.life(
                "memory_core.proofs.migrating:change", arguments, run.random.uniform(*LIFE)
            )
            findings.injected += life.killed
            findings.check(life.code <= 0, f"the change failed: {life.said[-1:]}")
            left = [int(line.split()[1]) for line in life.said if line.startswith("left ")]
            findings.check(max(left, default=0) <= BATCH, f"switched with {left} not embedded")
            there = {one.model.details["dimension"]: one for one in standings(home, "default")}
            if not whole:
                findings.check(there[384].serves, "the old model does not serve any more")
                if 768 in there and not there[768].pending:
                    drop(home, "default", NEW)


def _switched(run: Run, findings: Findings, home: Path) -> None:
    """Let a whole migration end, here."""
    with planted(run.planted):
        done = migrate(home, NEW, plan=Plan(recalls=5))
    left = {one.model.details["dimension"]: one for one in standings(home, "default")}
    findings.check(left[768].serves, "the new model does not serve")
    if done.switched is not None:
        few = done.switched.pending <= BATCH
        findings.check(few, f"switched with {done.switched.pending} texts not embedded")


def _afterwards(run: Run, findings: Findings, home: Path, keys: list[str]) -> None:
    with planted(run.planted):
        try:
            open_memory(home, embedder=OLD).close()
            findings.check(False, "the old model still opens the store, beside the new one")
        except ModelMismatch as error:
            named = all(HashEmbedder(d).fingerprint.digest in str(error) for d in (384, 768))
            findings.check(named and "memory migrate" in str(error), f"unhelpful: {error}")
    for dimension in (768, 384):
        with open_memory(home) as memory:
            found = memory.parts.embedder.fingerprint.dimension
            findings.check(found == dimension, f"opened with {found} dimensions")
            findings.check(memory.parts.catchup.drain() == 0, "texts stay without vectors")
            present = {m.key for m in memory.list(limit=1_000_000)}
            lost = set(keys) - present
            findings.check(not lost, f"{len(lost)} acknowledged memories are lost")
            for key in run.random.sample(keys, SAMPLE):
                wrong = wrong_scores(memory, key, HashEmbedder(dimension))
                findings.check(not wrong, "; ".join(wrong))
            findings.check(memory.journal.verify() == [], "the chain is broken")
            with memory.journal.database.read() as connection:
                serving = read_serving(connection, memory.journal.identity.ns_id)
            findings.check(serving is not None and serving.seq > 0, "no entry says who serves")
        if dimension == 768:
            rollback(home, "default")


PROOFS = (Proof("I5", "the embedding model changes while in use", 30, 3, prove_migration),)
