"""Images for the proofs: noise in the form of a PNG, and which files of a home are nobody's."""

import random
import struct
import zlib

from memory_core.journal.media import DIRECTORY
from memory_core.manager import MemoryManager

SIDE = 24  # pixels; 1.8 KB


def picture(chance: random.Random) -> bytes:
    """Return a small image whose bytes nobody else has."""
    rows = b"".join(b"\0" + chance.randbytes(3 * SIDE) for _ in range(SIDE))
    head = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows, 0)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def orphans(memory: MemoryManager) -> list[str]:
    """Return the names of the files below `media` that no live memory of this namespace keeps.

    The home has no other namespace; the lock beside the files is no orphan.
    """
    found = (one.media for one in memory.list(limit=10_000_000))
    kept = {media.name for media in found if media is not None}
    files = (path for path in (memory.journal.home / DIRECTORY).rglob("*") if path.is_file())
    return sorted(path.name for path in files if path.name not in kept and path.suffix != ".lock")
