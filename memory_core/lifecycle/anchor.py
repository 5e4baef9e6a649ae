"""A keyed list of chain heads outside the store: what a rewritten or shortened chain cannot match.

    {"uid": …, "seq": …, "hash": …, "at": …, "mac": HMAC-SHA256(key, mac before ‖ the rest)}

The chain alone proves that its entries fit together. Whoever may write the file can compute a new
chain, or cut the end off; the heads noted here, under a key that is not kept with the store, say
what it was. Lines are chained by their codes, so none can be changed or taken from the middle; a
line taken from the end only weakens the anchor to the heads before it.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass
from pathlib import Path

from memory_core.errors import InvalidInput
from memory_core.manager import MemoryManager

MIN_KEY = 16  # bytes; below that a key can be guessed


@dataclass(frozen=True, slots=True)
class Anchored:
    """One noted head."""

    uid: str
    seq: int
    hash: str
    at: int
    mac: str

    def code(self, key: bytes, before: str) -> str:
        """Return the code that this line must have after the one before."""
        said = f"{before}|{self.uid}|{self.seq}|{self.hash}|{self.at}"
        return hmac.digest(key, said.encode(), hashlib.sha256).hex()


def read_key(path: str | Path) -> bytes:
    """Return the key in a file, surrounding blanks aside.

    Raises:
        InvalidInput: it cannot be read, or is shorter than 16 bytes.
    """
    try:
        key = Path(path).expanduser().read_bytes().strip()
    except OSError as error:
        raise InvalidInput(f"{path}: the key cannot be read ({error.strerror}); name it") from error
    if len(key) < MIN_KEY:
        raise InvalidInput(f"{path}: the key has {len(key)} bytes; use {MIN_KEY} or more")
    return key


def anchor(manager: MemoryManager, file: str | Path, key: bytes) -> Anchored:
    """Note the namespace's head at the end of the list; the file is made if it is not there.

    Raises:
        InvalidInput: the list is damaged, or the key is not the one it was begun with.
    """
    path = Path(file).expanduser()
    lines = _read(path, key) if path.exists() else []
    head, uid = manager.journal.head, manager.journal.identity.uid.hex()
    before = lines[-1].mac if lines else ""
    bare = Anchored(uid, head.seq, head.hash.hex(), head.at, "")
    noted = Anchored(uid, head.seq, head.hash.hex(), head.at, bare.code(key, before))
    with path.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps({n: getattr(noted, n) for n in Anchored.__slots__}) + "\n")
    path.chmod(0o600)
    return noted


def anchor_faults(manager: MemoryManager, file: str | Path, key: bytes) -> list[str]:
    """Return how the chain contradicts the heads noted for it; an empty list is proof of none.

    Raises:
        InvalidInput: the list is damaged, or the key is another.
    """
    faults = []
    head, uid = manager.journal.head, manager.journal.identity.uid.hex()
    noted = [line for line in _read(Path(file).expanduser(), key) if line.uid == uid]
    if not noted:
        return [f"{file} knows no head of this namespace"]
    for line in noted:
        if line.seq > head.seq:
            faults.append(f"the chain ends at entry {head.seq}, it once had {line.seq}")
            continue
        if line.seq == 0:
            continue
        (entry,) = manager.journal.entries(line.seq - 1, line.seq)
        if entry.hash.hex() != line.hash:
            faults.append(f"entry {line.seq} is another than it was; the chain was rewritten")
    return faults


def _read(path: Path, key: bytes) -> list[Anchored]:
    found: list[Anchored] = []
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read ({error.strerror}); name the list") from error
    for number, line in enumerate(text.splitlines(), 1):
        try:
            value = json.loads(line)
            one = Anchored(**{name: value[name] for name in Anchored.__slots__})
            before = found[-1].mac if found else ""
            fits = hmac.compare_digest(one.code(key, before), str(one.mac))
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidInput(f"{path}:{number} is damaged ({error}); use another copy") from error
        if not fits:
            raise InvalidInput(
                f"{path}:{number} was changed, or the key is another; use the right key or copy"
            )
        found.append(one)
    return found
