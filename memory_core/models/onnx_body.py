"""Runs an exported model: onnxruntime and the Rust tokenizer, no torch and no transformers.

Texts are sorted by length and share a batch while the padded batch stays below a number of
tokens, so little is computed for padding. Batches, not the insides of one, are spread over
threads: two single-threaded runs gave 134 and 312 texts/s (float32, int8) where one run on two
threads gave 120 and 240, and a forked child finds no pool whose threads are gone. With int8 every
text is a batch of its own: onnxruntime takes one scale for all activations of a batch, so company
would change a vector.
"""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding

from memory_core.errors import ModelRejected

BUDGET = 512  # padded tokens: 99 texts per processor second, against 90 at 1,024 and 67 at 2,048
MOST_THREADS = 8  # a small model does not get faster beyond

Ids = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Output:
    """What the model gave for some of the texts."""

    places: list[int]
    """Where these texts stand among those given."""
    values: NDArray[np.float32]
    """`(b, t, d)` token vectors, or `(b, 1)` logits."""
    mask: Ids
    """`(b, t)`, 1 for a real token."""


class OnnxBody:
    """A session on one file's bytes; thread-safe.

    Args:
        content: bytes of the ONNX file.
        name: the model's name, for errors.
        pad: id of the padding token.
        alone: whether every text is a batch of its own.

    Raises:
        ModelRejected: the bytes are no model that onnxruntime reads.
    """

    def __init__(self, content: bytes, *, name: str, pad: int = 0, alone: bool = False) -> None:
        self._session = _session(content, name)
        self._inputs = [given.name for given in self._session.get_inputs()]
        self._pad = pad
        self._budget = 0 if alone else BUDGET

    @property
    def width(self) -> int:
        """Numbers given for each text; 0 when the model gives vectors of tokens."""
        shape = self._session.get_outputs()[0].shape
        return int(shape[1]) if len(shape) == 2 else 0

    def run(self, texts: Sequence[Encoding]) -> Iterator[Output]:
        """Yield the outputs, the shortest texts first."""
        lengths = [len(text.ids) for text in texts]
        parts = list(batches(lengths, self._budget))
        chosen = [[texts[place] for place in places] for places in parts]
        if len(parts) < 2:
            yield from map(self._run, chosen, parts)
            return
        with ThreadPoolExecutor(threads()) as pool:
            yield from pool.map(self._run, chosen, parts)

    def _run(self, texts: Sequence[Encoding], places: list[int]) -> Output:
        shape = (len(texts), max(len(text.ids) for text in texts))
        rows = {
            "input_ids": np.full(shape, self._pad, dtype=np.int64),
            "attention_mask": np.zeros(shape, dtype=np.int64),
            "token_type_ids": np.zeros(shape, dtype=np.int64),
        }
        for row, text in enumerate(texts):
            end = len(text.ids)
            rows["input_ids"][row, :end] = text.ids
            rows["attention_mask"][row, :end] = 1
            rows["token_type_ids"][row, :end] = text.type_ids
        values = self._session.run(None, {name: rows[name] for name in self._inputs})[0]
        return Output(places, values, rows["attention_mask"])


def batches(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Yield the places of texts that share a batch: by length, `budget` padded tokens at most.

    A text longer than the budget is a batch of its own.
    """
    batch: list[int] = []
    for place in sorted(range(len(lengths)), key=lambda place: lengths[place]):
        if batch and (len(batch) + 1) * lengths[place] > budget:
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch


def _session(content: bytes, name: str) -> Any:
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the binding raises classes of its own, by kind of fault
        reason = str(error).strip().splitlines()[0]
        raise ModelRejected(f"the ONNX file of {name!r} does not load: {reason}") from error


def threads() -> int:
    """Return how many batches run at once: the processors this process may use, 8 at most."""
    return max(1, min(MOST_THREADS, len(os.sched_getaffinity(0))))
