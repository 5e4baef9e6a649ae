"""Blanks the rows that Chroma writes for vectors it does not have yet: they hold process memory.

hnswlib allocates a whole table and writes it as it is, so the unused rows of `data_level0.bin` and
`length.bin` are whatever lay in the process's memory before: an erased vector, or another
namespace's text. Nothing reads those rows. They are known by the header beside them:

    header.bin   int32 version, then uint64: offset, capacity, count, bytes a row, …
"""

import struct
from pathlib import Path

HEADER = "header.bin"
ROWS = "data_level0.bin"
LENGTHS = "length.bin"
_HEADER = struct.Struct("<iQQQQ")
_LENGTH = 4
_BLOCK = 1 << 20


def blank_unused(directory: Path) -> int:
    """Overwrite unused rows with zeros below a directory that nobody is writing to.

    Args:
        directory: where Chroma keeps its files; other files are left alone.

    Returns:
        How many bytes were not zero.

    Raises:
        OSError: a file cannot be read or written.
    """
    found = 0
    for header in directory.rglob(HEADER):
        head = header.read_bytes()[: _HEADER.size]
        if len(head) < _HEADER.size:
            continue
        _, _, _, count, width = _HEADER.unpack(head)
        found += _blank(header.with_name(ROWS), count * width)
        found += _blank(header.with_name(LENGTHS), count * _LENGTH)
    return found


def _blank(path: Path, start: int) -> int:
    """Overwrite what is not zero from a byte on; a file that is clean is not touched."""
    if not path.is_file() or path.stat().st_size <= start:
        return 0
    found = 0
    with path.open("r+b") as stream:
        stream.seek(start)
        while block := stream.read(_BLOCK):
            if dirty := len(block) - block.count(0):
                found += dirty
                stream.seek(-len(block), 1)
                stream.write(bytes(len(block)))
    return found
