"""The file of learned sparse vectors: records one after the other, each with a checksum.

    doc · seal · count · crc          then `count` words and `count` weights

`seal` tells the text that was encoded, so a record of another history is known as such.
"""

import struct
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

HEAD = struct.Struct("<QQII")


@dataclass(frozen=True, slots=True)
class Record:
    """One text's weights, as the file has them."""

    doc: int
    seal: int
    words: NDArray[np.int32]
    weights: NDArray[np.float32]

    def bytes(self) -> bytes:
        """Return the record as written."""
        body = self.words.astype("<i4").tobytes() + self.weights.astype("<f4").tobytes()
        count, crc = len(self.words), _crc(self.doc, self.seal, body)
        return HEAD.pack(self.doc, self.seal, count, crc) + body


def parsed(blob: bytes) -> tuple[list[Record], int]:
    """Return the whole records from the start on, and how many bytes they take."""
    found, at = [], 0
    while at + HEAD.size <= len(blob):
        doc, seal, count, crc = HEAD.unpack_from(blob, at)
        start, stop = at + HEAD.size, at + HEAD.size + 8 * count
        body = blob[start:stop]
        if stop > len(blob) or _crc(doc, seal, body) != crc:
            break
        words = np.frombuffer(body, dtype="<i4", count=count)
        found.append(Record(doc, seal, words, np.frombuffer(body, "<f4", offset=4 * count)))
        at = stop
    return found, at


def _crc(doc: int, seal: int, body: bytes) -> int:
    return zlib.crc32(body, zlib.crc32(struct.pack("<QQ", doc, seal)))
