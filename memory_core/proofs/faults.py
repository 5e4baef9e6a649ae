"""D6, D7: failing and full disks are told honestly, and nothing acknowledged is lost.

D6 runs a writer under `strace`, which lets system calls fail: EIO on a sync, read or write, no
space, no descriptors; once, or from then on. (A short write cannot be injected so: strace would
report bytes that were not written, which is a disk that lies, and no store survives that.)

D7 runs it on a small disk in a user namespace of its own, fills it, recalls, makes room, goes on.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from memory_core.build import open_memory
from memory_core.errors import MemoryCoreError, NotStored, OutcomeUnknown
from memory_core.manager import MemoryManager
from memory_core.proofs import needs
from memory_core.proofs.plants import planted
from memory_core.proofs.row import Findings, Proof, Run

STORES = 60
FILES = ("journal.db", "journal.db-wal", "")
"""Whose system calls fail: the journal's, and its directory's."""
FAULTS = (
    "fdatasync:error=EIO", "fsync:error=EIO", "pwrite64:error=EIO", "pwrite64:error=ENOSPC",
    "ftruncate:error=EIO", "openat:error=EMFILE", "pread64:error=EIO", "unlink:error=EIO",
)  # fmt: skip
FIRST = (3, 17, 60, 150, 400)
SIZES = (3, 4, 6, 8)  # MiB


def prove_honest_errors(run: Run, findings: Findings) -> None:
    """Let `run.size` different faults happen to a writer, and check what it said."""
    specs = [
        f"{fault}:when={first}{'+' if on else ''}"
        for first in FIRST
        for fault in FAULTS
        for on in (False, True)
    ]
    run.random.shuffle(specs)
    counts = {"acknowledged": 0, "refused": 0, "unknown": 0}
    for number, spec in enumerate(specs[: run.size]):
        home = run.place / f"home{number}"
        with open_memory(home, embedder="hash:16", index="exact", recordings=False) as memory:
            memory.store("before", key="before")
        log = run.place / f"log{number}"
        files = [part for name in FILES for part in ("-P", str(home / name))]
        said = _said(
            ["strace", "-f", "-o", str(log), *files, "-e", f"inject={spec}", "--"], home, run
        )
        findings.injected += log.read_text(errors="replace").count("(INJECTED)")
        for kind, mark in (("acknowledged", "!"), ("refused", "-"), ("unknown", "?")):
            counts[kind] += sum(line.startswith(mark) for line in said)
        _judge(home, said, spec, findings)
    findings.measured |= counts


def prove_full_disk(run: Run, findings: Findings) -> None:
    """Fill small disks of several sizes; recall while full; make room and go on."""
    alone = ["unshare", "-Urm"]
    for number in range(run.size):
        size = SIZES[number % len(SIZES)]
        place = run.place / f"disk{number}"
        place.mkdir(parents=True)
        command = [*alone, sys.executable, "-m", __name__, "fill", str(place), str(size)]
        done = subprocess.run(
            [*command, run.planted or ""], capture_output=True, text=True, timeout=300
        )
        if done.returncode != 0:
            findings.check(False, f"the filling failed: {done.stderr[-300:]}")
            continue
        report = json.loads(done.stdout.splitlines()[-1])
        findings.injected += report["refused"]
        findings.check(report["refused"] > 0, f"{size} MiB were not enough to fill")
        for name in ("lost", "changing", "phantoms", "unrecalled", "faults", "untyped"):
            findings.check(not report[name], f"{size} MiB: {name}: {report[name]}")
        findings.check(report["after"], f"{size} MiB: nothing is stored after room was made")


def _said(tracing: list[str], home: Path, run: Run) -> list[str]:
    command = [*tracing, sys.executable, "-m", __name__, "write", str(home), run.planted or ""]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    return done.stdout.split()


def _judge(home: Path, said: list[str], spec: str, findings: Findings) -> None:
    """Compare a store with what its writer said; ask for what was unknown."""
    with open_memory(home, embedder="hash:16", index="exact", recordings=False) as memory:
        findings.check(memory.journal.verify() == [], f"{spec}: the chain is broken")
        there = {str(one.key) for one in memory.list(limit=10_000)}
        lost = {line[1:] for line in said if line.startswith("!")} - there
        phantoms = {line[1:] for line in said if line.startswith("-")} & there
        untyped = [line for line in said if line.startswith("x")]
        findings.check(not lost, f"{spec}: {len(lost)} acknowledged are lost")
        findings.check(not phantoms, f"{spec}: {len(phantoms)} refused are there")
        findings.check(not untyped, f"{spec}: {untyped[:1]}")
        for key in {line[1:] for line in said if line.startswith("?")}:
            told = memory.outcome(key).stored
            findings.check(told == (key in there), f"{spec}: the outcome of {key} is not final")


def write(home: str, plant: str = "") -> None:
    """Store with keys, saying of each whether it was acknowledged, refused or unknown."""
    with planted(plant or None):
        try:
            memory = open_memory(home, embedder="hash:16", index="exact", recordings=False)
        except MemoryCoreError:
            return
        for number in range(STORES):
            _say(memory, f"k:{number}", f"memory {number} " + "long " * (number % 9))
        try:
            memory.close()
        except MemoryCoreError as error:
            _line(f"x{type(error).__name__}-at-close")


def _say(memory: MemoryManager, key: str, text: str) -> str:
    try:
        memory.store(text, key=key)
        mark = "!"
    except NotStored:
        mark = "-"
    except OutcomeUnknown:
        mark = "?"
    except MemoryCoreError:  # busy, damaged, read-only: typed, and nothing was promised
        mark = "-"
    except Exception as error:
        _line(f"x{type(error).__name__}:{key}")
        return "x"
    _line(f"{mark}{key}")
    return mark


def fill(place: str, megabytes: str, plant: str = "") -> None:
    """In a namespace of its own: mount a small disk, fill it, recall, enlarge it, go on."""
    _mount(place, f"size={megabytes}m")
    home, said = Path(place) / "home", []
    with planted(plant or None):
        options = {"embedder": "hash:16", "index": "exact", "recordings": False}
        with open_memory(home, **options) as memory:  # type: ignore[arg-type]
            for number in range(4000):
                said.append((_say(memory, f"k:{number}", "text " * 600), f"k:{number}"))
                if sum(mark != "!" for mark, _ in said) >= 5:
                    break
            unrecalled = not memory.recall("text").hits
        _mount(place, "remount,size=64m")
        with open_memory(home, **options) as memory:  # type: ignore[arg-type]
            there = {str(one.key) for one in memory.list(limit=10_000)}
            report = {
                "refused": sum(mark in "-?" for mark, _ in said),
                "changing": sum(
                    mark == "?" and memory.outcome(key).stored != (key in there)
                    for mark, key in said
                ),
                "lost": sum(mark == "!" and key not in there for mark, key in said),
                "phantoms": sum(mark == "-" and key in there for mark, key in said),
                "untyped": sum(mark == "x" for mark, _ in said),
                "unrecalled": unrecalled,
                "faults": memory.journal.verify()[:1],
                "after": memory.store("there is room again").id,
            }
    _line(json.dumps(report))


def _mount(place: str, how: str) -> None:
    command = ["mount", "-t", "tmpfs", "-o", how, "tmpfs", place]
    subprocess.run(command, check=True, capture_output=True)


def _line(text: str) -> None:
    os.write(1, (text + "\n").encode())


PROOFS = (
    Proof("D6", "failing disks are told honestly", 20, 3, prove_honest_errors, needs.tracing),
    Proof("D7", "a full disk loses nothing", 4, 1, prove_full_disk, needs.own_disk),
)

if __name__ == "__main__":
    if sys.argv[1] == "write":
        write(*sys.argv[2:])
    else:
        fill(*sys.argv[2:])
