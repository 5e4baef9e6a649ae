"""D4: the machine loses power at any moment; what was acknowledged is there, and nothing is torn.

A writer runs under `strace`, which logs every write, truncation, removal and sync of the journal's
files with its bytes. From the log the disk is rebuilt as it may be after a power cut at each of
these events: of what was not synced yet, nothing arrived, or all, or some of the writes, or some
with the last one torn at 512 bytes. Every such disk is opened by the product.

Model: fsync and fdatasync make a file's earlier writes durable; a new file is there after a power
cut once its directory was synced; sectors of 512 bytes are written whole.
"""

import hashlib
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from memory_core.build import open_memory
from memory_core.errors import MemoryCoreError
from memory_core.journal.journal import Journal
from memory_core.proofs import needs
from memory_core.proofs.plants import planted
from memory_core.proofs.row import Findings, Proof, Run

CALLS = "trace=openat,close,write,pwrite64,ftruncate,fsync,fdatasync,unlink,rename"
SECTOR = 512
NAMES = ("journal.db", "journal.db-wal", "journal.db-journal")
STARTING = 4  # memories that are there, closed and synced, before the trace begins
_LINE = re.compile(r"^(\w+)\((.*)\)\s+= (-?\d+)")
_BYTES = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')

Write = tuple[int, bytes | None]
"""Offset and bytes; None is a truncation to that offset."""


@dataclass(slots=True)
class File:
    """A file on the rebuilt disk: what is durable, and what was written since the last sync."""

    durable: bytes = b""
    pending: list[Write] = field(default_factory=list)
    linked: bool = True
    """Whether its directory entry is durable."""

    def after(self, writes: list[Write]) -> bytes:
        """Return the content after some of the pending writes."""
        content = bytearray(self.durable)
        for offset, data in writes:
            if data is None:
                del content[offset:]
                continue
            if len(content) < offset:
                content.extend(bytes(offset - len(content)))
            content[offset : offset + len(data)] = data
        return bytes(content)


def prove_power_loss(run: Run, findings: Findings) -> None:
    """Trace one life of a writer; open the disk of every moment of it."""
    home = run.place / "home"
    with open_memory(home, embedder="hash:16", index="exact", recordings=False) as memory:
        for number in range(STARTING):
            memory.store(f"before {number}", key=f"b:{number}")
    disk = {name: File((home / name).read_bytes()) for name in NAMES if (home / name).exists()}
    log = run.place / "trace"
    if complaint := _traced(home, log, run):
        findings.check(False, f"the traced writer failed: {complaint}")
        return
    acknowledged = {f"b:{number}" for number in range(STARTING)}
    images: dict[bytes, set[str] | str] = {}
    total = lost = 0
    for acked in _events(log, home, disk):
        if acked is not None:
            acknowledged.add(acked)
            continue
        findings.injected += 1
        for kind, image in _images(disk, run.random):
            total += 1
            digest = hashlib.sha256(repr(sorted(image.items())).encode()).digest()
            if digest not in images:
                images[digest] = _opened(image)
            found = images[digest]
            if isinstance(found, str):
                findings.check(False, f"{kind}: {found}")
            else:
                missing = acknowledged - found
                lost += bool(missing)
                findings.check(not missing, f"{kind}: {len(missing)} acknowledged are lost")
    findings.measured |= {
        "images": total, "different": len(images), "acknowledged": len(acknowledged),
        "images_with_loss": lost,
    }  # fmt: skip


def _traced(home: Path, log: Path, run: Run) -> str:
    """Run the writer under strace; return its complaint, blank if it stored everything."""
    command = [
        "strace", "-xx", "-s", "1000000", "-e", CALLS, "-o", str(log), "--",
        sys.executable, "-m", __name__, str(home), str(run.size), *([run.planted or ""]),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    whole = done.returncode == 0 and f"!k:{run.size - 1}" in done.stdout
    return "" if whole else done.stderr[-300:] or f"it ended with {done.returncode}"


def _events(log: Path, home: Path, files: dict[str, File]) -> Iterator[str | None]:
    """Apply the log to the disk call by call; yield None for each, or the key acknowledged."""
    disk = Disk(home, files)
    with log.open() as lines:
        for line in lines:
            match = _LINE.match(line)
            if match is None or int(match[3]) < 0:
                continue
            call, arguments, result = match[1], match[2], int(match[3])
            if call == "write" and arguments.startswith("1,"):
                yield from (key[1:] for key in _text(arguments).split() if key[:1] == "!")
            elif disk.changed(call, arguments, result):
                yield None


@dataclass(slots=True)
class Disk:
    """The journal's files, and which descriptors of the traced process are theirs."""

    home: Path
    files: dict[str, File]
    descriptors: dict[int, str] = field(default_factory=dict)
    """Names of open files; an empty name is the directory."""

    def changed(self, call: str, arguments: str, result: int) -> bool:
        """Apply one call; return whether it changed what a power cut would leave."""
        if call == "openat":
            self._open(Path(_text(arguments)), result)
            return False
        if call in ("unlink", "rename"):
            return self.files.pop(Path(_text(arguments)).name, None) is not None
        name = self.descriptors.get(descriptor := int(arguments.split(",")[0]))
        if name is None:
            return False
        if call == "close":
            del self.descriptors[descriptor]
            return False
        if name:
            _apply(self.files[name], call, arguments, result)
        elif call in ("fsync", "fdatasync"):
            for file in self.files.values():
                file.linked = True
        return True

    def _open(self, path: Path, descriptor: int) -> None:
        self.descriptors.pop(descriptor, None)
        if path == self.home:
            self.descriptors[descriptor] = ""
        elif path.parent == self.home and path.name in NAMES:
            self.descriptors[descriptor] = path.name
            self.files.setdefault(path.name, File(linked=False))


def _apply(file: File, call: str, arguments: str, result: int) -> None:
    if call in ("fsync", "fdatasync"):
        file.durable = file.after(file.pending)
        file.pending = []
    elif call == "ftruncate":
        file.pending.append((int(arguments.split(",")[1]), None))
    elif call == "pwrite64":
        data = bytes.fromhex(_hex(arguments))[:result]
        file.pending.append((int(arguments.rsplit(",", 1)[1]), data))


def _images(disk: dict[str, File], chance: random.Random) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Yield the disks that a power cut may leave now."""
    yield "nothing arrived", {n: f.durable for n, f in disk.items() if f.linked}
    yield "all arrived", {n: f.after(f.pending) for n, f in disk.items()}
    some = {n: [w for w in f.pending if chance.random() < 0.5] for n, f in disk.items()}
    yield "some arrived", {n: f.after(some[n]) for n, f in disk.items()}
    for name, writes in some.items():
        pending = disk[name].pending
        if pending and (data := pending[-1][1]) is not None and len(data) > SECTOR:
            torn = SECTOR * chance.randrange(1, -(-len(data) // SECTOR))
            some[name] = [
                *(w for w in writes if w is not pending[-1]),
                (pending[-1][0], data[:torn]),
            ]
    yield "the last was torn", {n: f.after(some[n]) for n, f in disk.items()}


def _opened(image: dict[str, bytes]) -> set[str] | str:
    """Return the keys that the product finds on a disk, or what is wrong with it."""
    with tempfile.TemporaryDirectory() as place:
        for name, content in image.items():
            (Path(place) / name).write_bytes(content)
        try:
            journal = Journal(Path(place), "default", clock=lambda: 0)
        except MemoryCoreError as error:
            return f"it does not open: {error}"
        try:
            if faults := journal.verify():
                return f"the chain is broken: {faults[0]}"
            payloads = [entry.payload for entry in journal.entries()]
            return {str(payload["key"]) for payload in payloads if payload}
        except MemoryCoreError as error:
            return f"it cannot be read: {error}"
        finally:
            journal.close()


def _hex(arguments: str) -> str:
    found = _BYTES.search(arguments)
    return found[1].replace("\\x", "") if found else ""


def _text(arguments: str) -> str:
    return bytes.fromhex(_hex(arguments)).decode(errors="replace")


def main(home: str, count: str, plant: str = "") -> None:
    """Store memories in one thread, saying each key once it is acknowledged."""
    with planted(plant or None):
        memory = open_memory(home, embedder="hash:16", index="exact", recordings=False)
        memory.parts.catchup.close()  # vectors follow when the memory is opened again
        for number in range(int(count)):
            memory.store(f"memory {number} stands in room {number % 7}", key=f"k:{number}")
            sys.stdout.write(f"!k:{number}\n")
            sys.stdout.flush()
        memory.close()


PROOFS = (
    Proof("D4", "acknowledged is kept when the power goes", 40, 12, prove_power_loss,
          needs.tracing),
)  # fmt: skip

if __name__ == "__main__":
    main(*sys.argv[1:])
