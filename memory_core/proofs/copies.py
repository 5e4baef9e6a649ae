"""D11, D12, E3: backups are whole, earlier stores open, what was erased does not come back."""

import gzip
import threading
from importlib.resources import files
from pathlib import Path

import apsw

from memory_core.build import open_memory
from memory_core.errors import MemoryCoreError, StoreTooNew
from memory_core.journal import schema
from memory_core.lifecycle import backup as copies
from memory_core.lifecycle.checking import deep_faults
from memory_core.lifecycle.media import content_of
from memory_core.manager import MemoryManager
from memory_core.proofs.erasing import Subject, illustrate
from memory_core.proofs.nursery import READY, Nursery, say
from memory_core.proofs.pictures import orphans
from memory_core.proofs.plants import planted
from memory_core.proofs.residue import scan, traces_of
from memory_core.proofs.row import Findings, Proof, Run
from memory_core.proofs.writer import text_of_key

EMBEDDER = "hash:32"
KILL_AFTER = (0.0, 0.03)  # seconds; a backup of this size takes about a fiftieth of one
STORES = files("memory_core.proofs") / "stores"
HELD = {"ana": (23, 8), "bob": (23, 8)}
"""By namespace of the kept stores: entries, and live memories."""


def prove_backups(run: Run, findings: Findings) -> None:
    """Back up while another thread stores, every third time in a process that is killed."""
    home = run.place / "home"
    killed, worst = 0, 0.0
    with planted(run.planted), Nursery() as nursery:
        with open_memory(home, embedder=EMBEDDER, index="exact", recordings=False) as memory:
            memory.store_many({"text": text_of_key(f"b:{n}"), "key": f"b:{n}"} for n in range(300))
        for round_ in range(run.size):
            place = run.place / f"backup{round_}"
            acknowledged = 300
            if round_ % 3 == 2:
                life = nursery.life(
                    f"{__name__}:back_up",
                    {"home": str(home), "place": str(place), "plant": run.planted},
                    run.random.uniform(*KILL_AFTER),
                )
                killed += life.killed
                findings.injected += life.killed
                if not place.exists():
                    continue
            else:
                acknowledged = _busy_backup(home, place, round_)
                findings.injected += 1
            worst = max(worst, _restored(run, place, acknowledged, findings))
    findings.measured |= {"killed": killed, "worst_restore_s": round(worst, 2)}


def back_up(*, home: str, place: str, plant: str | None) -> None:
    """Take a backup in a child process."""
    with planted(plant):
        memory = open_memory(home, embedder=EMBEDDER, index="exact", recordings=False)
        say(READY)
        copies.backup(memory, place)
        memory.close()


def _busy_backup(home: Path, place: Path, round_: int) -> int:
    """Back up while a thread stores; return how many stores were acknowledged before it began."""
    with open_memory(home, embedder=EMBEDDER, index="exact", recordings=False) as memory:
        stop, count = threading.Event(), 0

        def store() -> None:
            nonlocal count
            while not stop.is_set():
                key = f"w{round_}:{count}"
                memory.store(text_of_key(key), key=key)
                count += 1

        before = len(memory.list(limit=100_000))
        writer = threading.Thread(target=store)
        writer.start()
        while not count:
            stop.wait(0.001)
        sure = before + count
        copies.backup(memory, place)
        stop.set()
        writer.join()
    return sure


def _restored(run: Run, place: Path, acknowledged: int, findings: Findings) -> float:
    target = run.place / f"restored-{place.name}"
    try:
        done = copies.restore(place, target)
    except MemoryCoreError as error:
        findings.check(False, f"{place.name} does not restore: {error}")
        return 0.0
    with open_memory(target, embedder=EMBEDDER, index="exact", recordings=False) as memory:
        found = memory.list(limit=100_000)
        faults = deep_faults(memory)
        findings.check(not faults, f"{place.name}: {faults[:1]}")
        wrong = [one for one in found if one.text != text_of_key(str(one.key))]
        findings.check(not wrong, f"{len(wrong)} texts are not what was stored")
        findings.check(
            len(found) >= acknowledged, f"{len(found)} of {acknowledged} acknowledged are there"
        )
    return done.seconds


def prove_restored_erasures(run: Run, findings: Findings) -> None:
    """Back up, erase, restore: neither a recall nor a byte of what was erased comes back.

    The last home can erase as the old one could: one more memory, with its image.
    """
    home, place = run.place / "home", run.place / "backup"
    subjects = [Subject.of(run.random, number) for number in range(run.size)]
    illustrate(subjects, run.random)
    with planted(run.planted):
        with open_memory(home, embedder=EMBEDDER, index="exact") as memory:
            for subject in subjects:
                subject.store(memory)
            memory.parts.catchup.drain()
            chosen = subjects[::10]
            traces = [traces_of(memory, one.id, one.words) for one in chosen]
            copies.backup(memory, place)
            for subject in chosen:
                memory.erase(subject.id)
                findings.injected += 1
        for name, ledgers in (("by the ledger", []), ("by the old home", [home])):
            target = run.place / name
            if ledgers:
                (place / "erased.jsonl").unlink(missing_ok=True)
            done = copies.restore(place, target, ledgers=ledgers)
            findings.check(
                done.left_out == len(chosen), f"{name}: {done.left_out} of {len(chosen)} left out"
            )
            left = scan(target, traces)
            findings.check(not left, f"{name}: {len(left)} traces: {left[:1]}")
            with open_memory(target, embedder=EMBEDDER, index="exact") as memory:
                ids = {one.id for one in memory.list(limit=10 * run.size)}
                findings.check(
                    ids == {one.id for one in subjects} - {one.id for one in chosen},
                    f"{name}: {len(ids)} memories are there",
                )
                for subject in chosen:
                    hits = memory.recall(subject.question, k=20).hits
                    findings.check(
                        subject.id not in {hit.id for hit in hits}, f"{name}: recalled again"
                    )
                findings.check(memory.journal.verify() == [], f"{name}: the chain is broken")
                _illustrated(memory, [one for one in subjects if one.id in ids], name, findings)


def _illustrated(
    memory: MemoryManager, there: list[Subject], name: str, findings: Findings
) -> None:
    """See that all images are back, and nothing else; erase one."""
    shown = [one for one in there if one.image]
    lost = [one.id for one in shown if content_of(memory, one.id) != one.image]
    findings.check(not lost, f"{name}: {len(lost)} images are not what they were")
    stray = orphans(memory)
    findings.check(not stray, f"{name}: files that are nobody's: {stray[:2]}")
    trace = traces_of(memory, shown[0].id, shown[0].words)
    receipt = memory.erase(shown[0].id)
    findings.injected += 1
    findings.check((receipt.media, receipt.residue) == (1, 0), f"{name}: then {receipt.residue}")
    left = scan(memory.journal.home, [trace])
    findings.check(not left, f"{name}, then: {len(left)} traces: {left[:1]}")


def prove_upgrades(run: Run, findings: Findings) -> None:
    """Open the stores kept of every earlier schema, use them; refuse one from the future."""
    with planted(run.planted):
        for number in range(1, schema.SCHEMA_VERSION):
            packed = (STORES / f"schema-{number}.db.gz").read_bytes()
            place = run.place / f"schema{number}"
            place.mkdir(parents=True)
            (place / "journal.db").write_bytes(gzip.decompress(packed))
            findings.injected += 1
            for name, (entries, live) in HELD.items():
                with open_memory(place, namespace=name, embedder=EMBEDDER) as memory:
                    findings.check(memory.journal.verify() == [], f"schema {number}: chain")
                    findings.check(memory.journal.head.seq == entries, f"schema {number}: entries")
                    findings.check(len(memory.list(limit=99)) == live, f"schema {number}: lost")
                    faults = deep_faults(memory)
                    findings.check(not faults, f"schema {number}: {faults[:1]}")
                    memory.store("Life goes on after the upgrade")
                    hits = memory.recall("Life goes on after the upgrade").hits
                    findings.check(len(hits) > 0, f"schema {number}: no recall")
        _refused(run.place / "newer", findings)


def _refused(place: Path, findings: Findings) -> None:
    with open_memory(place, embedder=EMBEDDER) as memory:
        memory.store("from the future")
    connection = apsw.Connection(str(place / "journal.db"))
    connection.pragma("user_version", schema.SCHEMA_VERSION + 1)
    connection.close()
    findings.injected += 1
    try:
        open_memory(place, embedder=EMBEDDER).close()
    except StoreTooNew as error:
        findings.check("upgrade" in str(error), "the refusal does not say what to do")
    else:
        findings.check(False, "a store from the future was opened")


PROOFS = (
    Proof("D11", "a backup is whole, and restores", 50, 6, prove_backups),
    Proof("D12", "stores of every earlier schema open, newer ones are refused", 1, 1,
          prove_upgrades),
    Proof("E3", "no restore brings back what was erased", 300, 30, prove_restored_erasures),
)  # fmt: skip
