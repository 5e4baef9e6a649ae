"""Rows in a file that every process maps: written once, read by all without a copy.

    0     magic, version, dimension, record size, generation, identity, CRC-32 of these
    64    number of rows, CRC-32 of it; written last
    4096  records of one size: vector (d float32), doc, start, stop (int64), CRC-32

A row's CRC begins from the header's CRC plus the row's number, so a row of another file, another
generation or another place is as wrong as a flipped bit. Rows are checked when they are first
mapped. The file only grows, ahead of its rows, and is never cut while it may be mapped; what is
wrong is replaced by a new file.
"""

import mmap
import os
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]

MAGIC = b"MEMSCAN1"
BODY = 4096
"""Where the rows begin: one page."""
CHUNK = 2048
"""Rows read from the journal at once: 3 MB at 384 dimensions."""
_HEADER = struct.Struct("<8sIIIQ16s")
_COUNT_AT = 64
_COUNT = struct.Struct("<Q")
_CRC = struct.Struct("<I")


class Damaged(Exception):
    """The file is not what it should be; the message says how."""


class Outdated(Exception):
    """The file is of another generation than asked for."""

    def __init__(self, found: int) -> None:
        super().__init__(f"of generation {found}")
        self.found = found


@dataclass(frozen=True, slots=True)
class Shape:
    """What a file must be: whose rows, of how many numbers, erased how often."""

    dimension: int
    generation: int
    identity: bytes
    """16 bytes that name the namespace, fingerprint and metric."""

    @property
    def record(self) -> np.dtype[Any]:
        """One row with its span and CRC, 8-byte aligned."""
        end = -(-self.dimension * 4 // 8) * 8
        return np.dtype(
            {
                "names": ["vector", "span", "crc"],
                "formats": [("<f4", (self.dimension,)), ("<i8", (3,)), "<u4"],
                "offsets": [0, end, end + 24],
                "itemsize": end + 32,
            }
        )

    @property
    def header(self) -> bytes:
        """The first bytes of such a file."""
        size = self.record.itemsize
        packed = _HEADER.pack(MAGIC, 1, self.dimension, size, self.generation, self.identity)
        return packed + _CRC.pack(zlib.crc32(packed))


class ScanFile:
    """One mapped file; not thread-safe, and to be written only under its lease."""

    def __init__(self, path: Path, shape: Shape, *, writable: bool) -> None:
        self.path = path
        self.shape = shape
        self._record = shape.record
        self._base = zlib.crc32(shape.header)
        self._handle = os.open(path, (os.O_RDWR if writable else os.O_RDONLY) | os.O_CLOEXEC)
        self._mapped: NDArray[Any] = np.zeros(0, dtype=self._record)
        self._bytes = memoryview(b"")
        self._checked = 0
        try:
            self._check_header()
        except BaseException:
            self.close()
            raise

    @classmethod
    def create(cls, path: Path, shape: Shape) -> "ScanFile":
        """Make an empty file, which appears under its name only when it is whole.

        Raises:
            OSError: it cannot be written here.
        """
        fresh = path.with_suffix(".tmp")
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.pwrite(handle, shape.header, 0)
            os.pwrite(handle, _counted(0), _COUNT_AT)
            os.ftruncate(handle, BODY)
        finally:
            os.close(handle)
        os.replace(fresh, path)
        return cls(path, shape, writable=True)

    @property
    def count(self) -> int:
        """How many rows the file says it has.

        Raises:
            Damaged: it cannot be told.
        """
        raw = os.pread(self._handle, _COUNT.size + _CRC.size, _COUNT_AT)
        if len(raw) < _COUNT.size + _CRC.size:
            raise Damaged("cut short")
        (count,) = _COUNT.unpack_from(raw)
        if raw != _counted(count):
            raise Damaged("damaged in its row count")
        return int(count)

    def replaced(self) -> bool:
        """Tell whether another file stands under the name by now."""
        try:
            return os.stat(self.path).st_ino != os.fstat(self._handle).st_ino
        except OSError:
            return True

    def rows(self, count: int) -> NDArray[Any]:
        """Return the first `count` records `(count,)`, checked, as a read-only view of the file.

        Raises:
            Damaged: a row is not what was written, or the file is shorter than it says.
        """
        if count > len(self._mapped):
            self._map(count)
        for row in range(self._checked, count):
            at = BODY + row * self._record.itemsize
            if self._crc(self._bytes, at, row) != self._mapped["crc"].item(row):
                raise Damaged(f"damaged in row {row}")
        self._checked = max(self._checked, count)
        return self._mapped[:count]

    def extend(self, total: int, read: Callable[[int, int], tuple[Floats, Ints]]) -> None:
        """Write rows until there are `total`; the count is written after each chunk.

        Args:
            total: how many rows there shall be.
            read: gives vectors `(n, d)` and spans `(n, 3)` of rows start..stop.

        Raises:
            Damaged: see `count`.
            OSError: no space, or not writable.
        """
        start = self.count
        size = self._record.itemsize
        wanted = BODY + max(total, 64) * size
        if os.fstat(self._handle).st_size < wanted:  # ahead of the rows: mappings stay in use
            os.ftruncate(self._handle, BODY + (max(total, 64) * 5 // 4) * size)
        while start < total:
            stop = min(start + CHUNK, total)
            records = np.zeros(stop - start, dtype=self._record)
            records["vector"], records["span"] = read(start, stop)
            plain = memoryview(records.tobytes())
            records["crc"] = [
                self._crc(plain, place * size, start + place) for place in range(stop - start)
            ]
            _write(self._handle, records.tobytes(), BODY + start * size)
            _write(self._handle, _counted(stop), _COUNT_AT)
            start = stop

    def close(self) -> None:
        """Close the handle; views that were given out stay readable."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def _crc(self, data: memoryview, at: int, row: int) -> int:
        covered = data[at : at + self._record.itemsize - 8]
        return zlib.crc32(covered, (self._base + row) & 0xFFFFFFFF)

    def _check_header(self) -> None:
        raw = os.pread(self._handle, len(self.shape.header), 0)
        if len(raw) < len(self.shape.header) or raw[:8] != MAGIC:
            raise Damaged("not a scan file")
        (crc,) = _CRC.unpack_from(raw, _HEADER.size)
        if crc != zlib.crc32(raw[: _HEADER.size]):
            raise Damaged("damaged in its header")
        _, version, dimension, _, generation, identity = _HEADER.unpack_from(raw)
        if identity != self.shape.identity:
            raise Damaged("of another namespace or model")
        if generation != self.shape.generation:
            raise Outdated(generation)
        if (version, dimension) != (1, self.shape.dimension):
            raise Damaged("of another version or dimension")

    def _map(self, count: int) -> None:
        length = os.fstat(self._handle).st_size
        if length < BODY + count * self._record.itemsize:
            raise Damaged("shorter than it says")
        whole = (length - BODY) // self._record.itemsize
        mapped = mmap.mmap(self._handle, length, access=mmap.ACCESS_READ)
        self._bytes = memoryview(mapped)
        self._mapped = np.frombuffer(mapped, dtype=self._record, count=whole, offset=BODY)


def _counted(count: int) -> bytes:
    packed = _COUNT.pack(count)
    return packed + _CRC.pack(zlib.crc32(packed, 0x5CA4))


def _write(handle: int, data: bytes, offset: int) -> None:
    done = 0
    while done < len(data):
        done += os.pwrite(handle, data[done:], offset + done)
