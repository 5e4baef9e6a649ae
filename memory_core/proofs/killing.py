"""D1, D10: processes are killed at random moments; what was acknowledged must be there."""

import time
from dataclasses import dataclass, field

from memory_core.build import open_memory
from memory_core.lifecycle.media import content_of
from memory_core.manager import MemoryManager
from memory_core.proofs.nursery import Life, Nursery
from memory_core.proofs.pictures import orphans
from memory_core.proofs.plants import planted
from memory_core.proofs.row import Findings, Proof, Run
from memory_core.proofs.writer import image_of_key, text_of_key

LIFE = (0.002, 0.1)  # seconds a writer lives after it is ready; a store takes about one ms
RETRYING_LIFE = (0.002, 0.08)
KILLS_A_LOOK = 10
KILLS_A_HOME = 100  # then a fresh one: otherwise most of the time would go into comparing


@dataclass(slots=True)
class Ledger:
    """What the writers of one home said."""

    begun: list[str] = field(default_factory=list)
    acknowledged: set[str] = field(default_factory=set)
    kills: int = 0


def prove_kills(run: Run, findings: Findings) -> None:
    """Kill a writer again and again; compare the store with what was acknowledged."""
    kill_loop(run, findings, index="exact", searches=0)


def kill_loop(run: Run, findings: Findings, *, index: str, searches: int) -> None:
    """Kill `run.size` writers and check the store after every few.

    Args:
        run: where, how often, and which bug is planted in the writers.
        findings: gets one case a check; `injected` counts kills that fell inside a store.
        index: the setting of that name.
        searches: how many acknowledged memories to look for at each check.
    """
    total, appeared, worst = 0, 0, 0.0
    ledger = Ledger()
    with Nursery() as nursery:
        for kill in range(run.size):
            if kill % KILLS_A_HOME == 0:
                ledger, place = Ledger(), run.place / f"home{kill // KILLS_A_HOME}"
            start = len(ledger.begun)
            arguments = {
                "home": str(place), "start": start, "index": index, "plant": run.planted,
            }  # fmt: skip
            seconds = run.random.uniform(*LIFE)
            life = nursery.life("memory_core.proofs.writer:write", arguments, seconds)
            findings.check(life.killed, f"a writer ended by itself: {life.said[-1:]}")
            total += take_down(ledger, life.said)
            findings.injected += _inside(life)
            if ledger.kills % KILLS_A_LOOK == 0 or kill == run.size - 1:
                opened = time.monotonic()
                with open_memory(place, embedder="hash:64", index=index) as memory:
                    worst = max(worst, time.monotonic() - opened)
                    unasked = compare(memory, ledger, findings)
                    _search(memory, run, sorted(ledger.acknowledged), findings, count=searches)
                if ledger.kills == KILLS_A_HOME or kill == run.size - 1:
                    appeared += unasked
    findings.measured |= {
        "kills": run.size, "acknowledged": total, "killed_inside_a_store": findings.injected,
        "stored_without_acknowledgement": appeared, "worst_open_s": round(worst, 3),
    }  # fmt: skip


def take_down(ledger: Ledger, said: list[str]) -> int:
    """Enter what a writer said; return how many stores it acknowledged."""
    acknowledged = {line[1:] for line in said if line.startswith("!")}
    ledger.begun += [line[1:] for line in said if line.startswith("?")]
    ledger.acknowledged |= acknowledged
    ledger.kills += 1
    return len(acknowledged)


def _inside(life: Life) -> int:
    """Return 1 if the child was killed while a store was under way."""
    return int(life.killed and bool(life.said) and life.said[-1].startswith("?"))


def compare(memory: MemoryManager, ledger: Ledger, findings: Findings) -> int:
    """Check the store against the ledger; return how many stores were not acknowledged."""
    present = memory.list(limit=10_000_000)
    keys = [m.key or "" for m in present]
    lost, phantom = ledger.acknowledged - set(keys), set(keys) - set(ledger.begun)
    unasked = len(set(keys) - ledger.acknowledged)
    findings.check(not lost, f"{len(lost)} acknowledged are lost after {ledger.kills} kills")
    findings.check(not phantom, f"{len(phantom)} memories appeared that were never begun")
    findings.check(len(keys) == len(set(keys)), "a key is stored twice")
    findings.check(unasked <= ledger.kills, "more than one store per kill was in flight")
    changed = [m.key for m in present if m.key and m.text != text_of_key(m.key)]
    findings.check(not changed, f"{len(changed)} texts changed")
    findings.check(memory.journal.verify() == [], "the chain is broken")
    return unasked


def _search(
    memory: MemoryManager, run: Run, keys: list[str], findings: Findings, *, count: int
) -> None:
    for key in run.random.sample(keys, min(count, len(keys))):
        result = memory.recall(text_of_key(key), k=3, record=False)
        found = [hit.memory.key for hit in result.hits]
        findings.check(key in found, f"{key} is not found by its own text")


def prove_retries(run: Run, findings: Findings) -> None:
    """Store each text up to five times under one key, across kills: one memory, one image each."""
    begun, kills, done = 0, 0, False
    with Nursery() as nursery:
        while not done:
            arguments = {
                "home": str(run.place), "start": begun, "stop": run.size, "plant": run.planted,
                "seed": run.random.randrange(1 << 30),
            }  # fmt: skip
            seconds = run.random.uniform(*RETRYING_LIFE)
            life = nursery.life("memory_core.proofs.writer:retry", arguments, seconds)
            kills += life.killed
            findings.injected += _inside(life)
            again = run.random.randint(0, 2)  # the one in flight, and some before it
            latest = [int(line.rsplit(":", 1)[1]) for line in life.said if line[0] in "?!"]
            begun = max(0, max(latest, default=begun) - again)
            done = life.code >= 0
            findings.check(life.code <= 0, f"a retry failed: {life.said[-1:]}")
    with planted(run.planted), open_memory(run.place, embedder="hash:64") as memory:
        stored = [m.key for m in memory.list(limit=run.size * 5)]
        _illustrated(memory, findings)
    findings.check(len(stored) == run.size, f"{len(stored)} memories for {run.size} keys")
    wanted = {f"k:{number}" for number in range(run.size)}
    findings.check(set(stored) == wanted, f"{len(wanted - set(stored))} keys are missing")
    findings.n += run.size
    findings.measured |= {"kills": kills, "killed_inside_a_store": findings.injected}


def _illustrated(memory: MemoryManager, findings: Findings) -> None:
    """See that each memory has its image, and that no file is there that nobody has."""
    for one in memory.list(limit=10_000_000):
        wanted = image_of_key(str(one.key))
        shown = content_of(memory, one.id) if one.media is not None else None
        findings.check(shown == wanted, f"{one.key} has not its image")
    stray = orphans(memory)
    findings.check(not stray, f"{len(stray)} files are nobody's: {stray[:2]}")


PROOFS = (
    Proof("D1", "acknowledged is kept when the process dies", 1000, 12, prove_kills),
    Proof("D10", "a retry with the same key is stored once", 1000, 40, prove_retries),
)
