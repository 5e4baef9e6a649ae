"""D2, I1, I2, I3: the index is killed, damaged and rebuilt; what is recalled stays right.

The oracle is exact scan over the journal's vectors; a case counts as served by Chroma only when
the recall itself says so.
"""

import itertools
import shutil
import time
from contextlib import nullcontext
from pathlib import Path

import numpy as np

from memory_core.build import open_memory
from memory_core.errors import IndexUnavailable
from memory_core.index import mark as marks
from memory_core.index.canary import require_equal, require_self_search
from memory_core.index.embedded import Work
from memory_core.manager import MemoryManager
from memory_core.proofs.clustered import Clustered, clustered, derived_of, settled
from memory_core.proofs.killing import Ledger, compare, take_down
from memory_core.proofs.nursery import READY, Nursery, say
from memory_core.proofs.plants import swapped
from memory_core.proofs.row import Findings, Proof, Run
from memory_core.proofs.writer import text_of_key

LIFE = (0.1, 2.5)  # seconds; importing chromadb takes the first 0.7, rebuilding the next
KILLS_A_LOOK = 5
KILLS_A_HOME = 15  # then a fresh one: else every later kill would fall into a long rebuild
SEARCHES = 100


def prove_kills(run: Run, findings: Findings) -> None:
    """Kill writers that feed Chroma; compare with what was acknowledged, and search for it."""
    ledger, worst, total, dirty, place = Ledger(), 0.0, 0, 0, run.place
    with Nursery() as nursery:
        for kill in range(run.size):
            if kill % KILLS_A_HOME == 0:
                ledger, place = Ledger(), run.place / f"home{kill // KILLS_A_HOME}"
            arguments = {"home": str(place), "start": len(ledger.begun)}
            seconds = run.random.uniform(*LIFE)
            life = nursery.life("memory_core.proofs.indexing:feed", arguments, seconds)
            findings.check(life.killed, f"a writer ended by itself: {life.said[-1:]}")
            total += take_down(ledger, life.said)
            findings.injected += int(life.killed)
            dirty += _left_dirty(place)
            if ledger.kills % KILLS_A_LOOK == 0 or kill == run.size - 1:
                worst = max(worst, _look(place, run, ledger, findings))
    findings.measured |= {
        "kills": run.size, "acknowledged": total, "index_left_without_a_mark": dirty,
        "worst_seconds_until_chroma_serves": round(worst, 2),
    }  # fmt: skip


def feed(*, home: str, start: int) -> None:
    """Store new memories until killed, with Chroma behind them."""
    memory = open_memory(home, embedder="hash:64", index="chroma", crossover=1, recordings=False)
    say(READY)
    for number in itertools.count(start):
        say(f"?k:{number}")
        memory.store(text_of_key(f"k:{number}"), key=f"k:{number}")
        say(f"!k:{number}")
        time.sleep(0.003)


def _left_dirty(home: Path) -> int:
    found = [path for path in (home / "derived").glob("chroma-*") if path.is_dir()]
    return int(any(not (path / "mark").exists() for path in found))


def _look(home: Path, run: Run, ledger: Ledger, findings: Findings) -> float:
    opened = time.monotonic()
    with open_memory(
        home, embedder="hash:64", index="chroma", crossover=1, recordings=False
    ) as memory:
        memory.parts.catchup.drain()
        serves = settled(memory)
        seconds = time.monotonic() - opened
        findings.check(serves, f"Chroma does not serve after {ledger.kills} kills")
        compare(memory, ledger, findings)
        keys = sorted(ledger.acknowledged)
        for key in run.random.sample(keys, min(SEARCHES, len(keys))):
            found, path = _dense(memory, text_of_key(key))
            findings.check(key in found, f"{key} is not found by its own vector")
            findings.check(path.startswith("chroma"), f"not served by Chroma: {path}")
    return seconds


def _dense(memory: MemoryManager, question: str) -> tuple[list[str | None], str]:
    """Return the keys that the dense step brought, best first, and its path."""
    result = memory.recall(question, k=3, record=False, explain=True)
    step = next(step for step in result.trace if step.name == "dense")
    path = next(note.text for note in step.hits.notes if note.code == "path")
    hits = sorted(step.hits, key=lambda hit: -hit.signals.get("dense", 0.0))
    return [hit.memory.key for hit in hits], path


def prove_damage(run: Run, findings: Findings) -> None:
    """Damage every derived file in every way; each case is tried in a child process.

    With any plant, the children and the homes they open skip the comparison of files.
    """
    whole = run.place / "whole"
    rows, questions = 1_200, 12
    believing = swapped(marks, "_files", lambda directory: {}) if run.planted else nullcontext()
    for namespace, first in (("default", 0), ("other", 5_000)):
        with (
            believing if namespace == "default" else nullcontext(),
            clustered(whole, rows, namespace=namespace, first=first, dimension=32) as memory,
        ):
            findings.check(settled(memory), "Chroma does not serve before any damage")
            if namespace == "default":
                own = derived_of(memory).rows.current()
                wanted = [_answer(memory, number * 97) for number in range(questions)]
                name = derived_of(memory).place.name
    findings.check(len(own) == rows, "not every row is embedded")
    cases = _cases(whole, name)
    chosen = run.random.sample(cases, min(run.size, len(cases)))
    with Nursery() as nursery:
        for file, how, seed in chosen:
            home = run.place / "damaged"
            shutil.copytree(whole, home)
            _damage(home, home / file, how, seed)
            if _state(home / file) == _state(whole / file):  # both hold the same: no damage
                shutil.rmtree(home)
                continue
            findings.injected += 1
            arguments = {
                "home": str(home), "questions": questions, "damaged": str(file),
                "plant": run.planted,
            }  # fmt: skip
            life = nursery.life("memory_core.proofs.indexing:ask", arguments)
            case = f"{how} {seed or ''} in {file.name}"
            findings.check(life.code == 0, f"{case}: the child ended with {life.code} {life.said}")
            told = [line for line in life.said if line.startswith("[")]
            findings.check(told == wanted * 2, f"{case}: wrong answers")
            healed = life.said[-1:] == ["healed"]
            findings.check(healed, f"{case}: not detected: {life.said[-1:]}")
            shutil.rmtree(home)
    findings.measured |= {"cases": findings.injected, "of": len(cases)}


def _cases(whole: Path, name: str) -> list[tuple[Path, str, int]]:
    """Return every derived file of a copy, with every way to damage it."""
    return [
        (path.relative_to(whole), how, seed)
        for path in sorted((whole / "derived").rglob("*"))
        if path.is_file() and name in str(path) and path.suffix != ".lock"
        for how, seed in _HOWS
    ]


_HOWS = (
    ("zeros", 0), ("half", 0), ("removed", 0), ("another's", 0),
    ("flips", 1), ("flips", 2), ("flips", 3),
)  # fmt: skip


def _damage(home: Path, path: Path, how: str, seed: int) -> None:
    data = bytearray(path.read_bytes())
    if how == "zeros":
        path.write_bytes(bytes(len(data)))
    elif how == "half":
        path.write_bytes(data[: len(data) // 2])
    elif how == "removed":
        path.unlink()
    elif how == "another's":
        path.write_bytes(_counterpart(home, path).read_bytes())
    else:
        for at in np.random.default_rng(seed).integers(0, len(data) * 8, 20).tolist():
            data[at // 8] ^= 1 << at % 8
        path.write_bytes(data)


def _counterpart(home: Path, path: Path) -> Path:
    """Return the same file of the other namespace."""
    derived = home / "derived"
    ours = path.relative_to(derived).parts[0]
    (theirs,) = (
        found
        for found in derived.iterdir()
        if found.name != ours
        and found.suffix == Path(ours).suffix
        and found.name.split("-")[0] == ours.split("-")[0]
    )
    if path.parent == derived:
        return theirs
    same = sorted(theirs.rglob(path.name))
    return same[0] if same else next(f for f in sorted(theirs.rglob("*")) if f.is_file())


def ask(*, home: str, questions: int, damaged: str, plant: str | None) -> None:
    """Ask at once and again when Chroma serves; tell whether the damaged file is whole again."""
    place = Path(home)
    before = _state(place / damaged)
    believing = swapped(marks, "_files", lambda directory: {}) if plant else nullcontext()
    with believing, clustered(place, 0, dimension=32) as memory:
        say(READY)
        for number in range(questions):
            say(_answer(memory, number * 97))
        serves = settled(memory)
        for number in range(questions):
            say(_answer(memory, number * 97))
    rebuilt = any((place / "derived").glob("quarantine-*")) or _state(place / damaged) != before
    say("healed" if serves and rebuilt else f"settled {serves}, rebuilt {rebuilt}")


def _state(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def _answer(memory: MemoryManager, number: int) -> str:
    """Return the ten texts nearest to a question, as one line."""
    result = memory.recall(f"note {number}", k=10, record=False, explain=True)
    step = next(step for step in result.trace if step.name == "dense")
    hits = sorted(step.hits, key=lambda hit: (-hit.signals.get("dense", 0.0), hit.facts.doc))
    return str([hit.facts.doc for hit in hits[:10]])


def prove_equality(run: Run, findings: Findings) -> None:
    """Compare ids, self-searches and neighbours of the index with the journal's vectors."""
    with clustered(run.place, run.size) as memory:
        findings.check(settled(memory), "Chroma does not serve")
        derived = derived_of(memory)
        rows = derived.rows.current()
        journal = memory.journal.vectors(memory.parts.embedder.fingerprint.digest)
        findings.check(
            np.array_equal(rows.matrix, journal.read(0, journal.count())),
            "the scan file differs from the journal",
        )
    index, position = derived.store.open(rows, Work(lambda what: None, lambda: False))
    try:
        require_equal(index, rows, position)
        require_self_search(index, rows, position, metric="cosine", count=200)
    except IndexUnavailable as error:
        findings.check(False, str(error))
    hits, asked = 0, 200
    for number in range(asked):
        query = Clustered().encode_query(f"note {run.size + number}")
        found, _ = index.query(query, 256)
        true = np.argsort(-(rows.matrix @ query))[:10]
        hits += len(set(found[:10].tolist()) & set(true.tolist()))
    index.close()
    derived.store.release()
    recall = hits / (10 * asked)
    findings.check(recall >= 0.99, f"recall@10 against exact scan is {recall:.4f}")
    findings.injected = asked
    findings.measured |= {"vectors": len(rows), "recall_at_10": round(recall, 4), "canaries": 200}


def prove_rebuild(run: Run, findings: Findings) -> None:
    """Time a rebuild from the journal, then kill rebuilds; the next opening ends clean."""
    count = 10_000 if run.size >= 20 else 1_000
    with clustered(run.place, count, index="auto") as memory:
        begun = time.monotonic()
        derived_of(memory).rebuild()
        seconds = time.monotonic() - begun
    with Nursery() as nursery:
        for _ in range(run.size):
            limit = 0.7 + run.random.uniform(0.0, seconds)  # the first 0.7 s import chromadb
            arguments = {"home": str(run.place)}
            life = nursery.life("memory_core.proofs.indexing:rebuild", arguments, limit)
            findings.check(life.code <= 0, f"a rebuild failed: {life.said}")
            findings.injected += int(life.killed)
    with clustered(run.place, count) as memory:
        findings.check(settled(memory), "Chroma does not serve after killed rebuilds")
        kept = derived_of(memory)
        left = sorted(path.name for path in kept.place.directory.glob("*.new"))
        findings.check(not left, f"left behind: {left}")
        rows = kept.rows.current()
    index, position = kept.store.open(rows, Work(lambda what: None, lambda: False))
    try:
        require_equal(index, rows, position)
        require_self_search(index, rows, position, metric="cosine", count=64)
    except IndexUnavailable as error:
        findings.check(False, str(error))
    index.close()
    kept.store.release()
    findings.check(position == count, f"the index holds {position} of {count} rows")
    findings.measured |= {"vectors": count, "rebuild_s": round(seconds, 2)}


def rebuild(*, home: str) -> None:
    """Rebuild the index of a home, to be killed meanwhile."""
    with clustered(Path(home), 0, index="auto") as memory:
        say(READY)
        derived_of(memory).rebuild()


PROOFS = (
    Proof("D2", "acknowledged is kept and found, with Chroma behind it", 60, 5, prove_kills),
    Proof("I1", "a damaged index never lies", 1_000, 4, prove_damage),
    Proof("I2", "the index holds what the journal holds", 10_000, 1_000, prove_equality),
    Proof("I3", "the index is rebuilt, however often that is killed", 20, 3, prove_rebuild),
)
