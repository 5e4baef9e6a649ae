"""Numbers as bytes, one array after the other, laid out so that they compress well."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_KINDS = {"f": "<f4", "d": "<f8", "h": "<u2", "i": "<u4", "b": "u1", "q": "<u8"}
"""Array kinds by the letter that stands in a recording."""


class Arrays:
    """Arrays one after the other, their bytes in planes, since neighbours share high bytes."""

    def __init__(self, data: bytes = b"") -> None:
        self._data = bytearray(data)

    def put(self, kind: str, values: Sequence[float]) -> list[Any]:
        """Add numbers and return how to `get` them."""
        array = np.array(values, dtype=_KINDS[kind])
        start = len(self._data)
        width = array.dtype.itemsize
        self._data += array.view(np.uint8).reshape(len(array), width).T.tobytes()
        return [kind, start, len(array)]

    def floats(self, values: Sequence[float]) -> list[Any]:
        """Add numbers as float32 where that loses nothing, else as float64."""
        array = np.array(values, dtype=np.float64)
        narrow = array.astype(np.float32).astype(np.float64)
        return self.put("f" if np.array_equal(narrow, array) else "d", values)

    def bits(self, values: Sequence[bool]) -> list[Any]:
        """Add truth values."""
        return self.put("b", np.packbits(np.array(values, dtype=bool)).tolist())

    def get(self, place: Sequence[Any]) -> NDArray[Any]:
        """Return what was put there."""
        kind, start, count = place
        dtype = np.dtype(_KINDS[kind])
        planes = np.frombuffer(self._data, np.uint8, count * dtype.itemsize, start)
        turned = np.ascontiguousarray(planes.reshape(dtype.itemsize, count).T)
        return turned.reshape(-1).view(dtype)

    def truths(self, place: Sequence[Any]) -> list[bool]:
        """Return truth values, padded to whole bytes."""
        found: list[bool] = np.unpackbits(self.get(place)).astype(bool).tolist()
        return found

    def bytes(self) -> bytes:
        """Return everything that was put."""
        return bytes(self._data)
