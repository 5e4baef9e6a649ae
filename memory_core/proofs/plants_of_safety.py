"""Bugs to plant in what keeps data from being code, and stores small; `plants` gathers them."""

import importlib
import itertools
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import apsw
import numpy as np

from memory_core import build
from memory_core.index import embedded, sweep
from memory_core.index.place import remove
from memory_core.interchange import source
from memory_core.journal import erase
from memory_core.journal.database import Database
from memory_core.lifecycle import erase as lifecycle_erase
from memory_core.models import onnx_body, weights
from memory_core.proofs.plant import Plant, Swap


def _files_are_evaluated() -> list[Swap]:
    honest = source.parsed

    def parsed(text: str, where: str) -> object:
        try:
            return eval(text)  # the bug
        except Exception:
            return honest(text, where)

    return [(source, "parsed", parsed)]


def _models_are_trusted() -> list[Swap]:
    from memory_core.embed import sentence_transformers as loader

    def load(resolved: Any, device: str) -> Any:
        library = importlib.import_module("sentence_transformers")
        return library.SentenceTransformer(
            str(resolved.path), device=device, trust_remote_code=True
        )

    return [(weights, "_refuse_code", lambda path: None), (loader, "_load", load)]


def _old_indexes_stay() -> list[Swap]:
    numbers = itertools.count()

    def keep(path: Path) -> None:
        if path.is_dir():
            path.rename(path.with_name(f"old-{next(numbers)}-{path.name}"))
        else:
            remove(path)

    return [(embedded, "remove", keep), (sweep, "remove", keep)]


def _files_stay_open() -> list[Swap]:
    held: list[Database] = []
    return [(Database, "close", lambda self: held.append(self))]


def _links_end_with_the_opening() -> list[Swap]:
    honest = lifecycle_erase.resume

    def forgetting(journal: Any, reach: Any) -> int:
        connection = apsw.Connection(str(journal.home / "journal.db"))
        connection.execute("DELETE FROM links")
        connection.close()
        return honest(journal, reach)

    return [(build, "resume", forgetting)]


def _children_outlive() -> list[Swap]:
    return [(erase, "derived_from", lambda connection, ns_id, number: [])]


def _copies_are_not_told() -> list[Swap]:
    return [(lifecycle_erase, "tell_copies", lambda journal: [])]


def _buffers_are_shared() -> list[Swap]:
    buffer = np.empty(1 << 20, dtype=np.int64)

    def full(shape: tuple[int, int], value: int, dtype: Any) -> Any:
        rows = buffer[: shape[0] * shape[1]].reshape(shape)
        rows[:] = value
        return rows

    return [(onnx_body, "np", SimpleNamespace(full=full, zeros=np.zeros, int64=np.int64))]


PLANTS_OF_SAFETY: dict[str, Plant] = {
    "evaluated": Plant("T6", "an import file is evaluated", _files_are_evaluated, 1),
    "linkless": Plant("C3", "an opening forgets the links", _links_end_with_the_opening),
    "orphans": Plant("E1", "what was derived outlives an erasure", _children_outlive),
    "untold": Plant("E1", "exports and backups are not told of erasures", _copies_are_not_told),
    "hoarding": Plant("I4", "what an index was before stays beside it", _old_indexes_stay),
    "leaking": Plant("I4", "a closed store keeps its files open", _files_stay_open),
    "one-buffer": Plant("U4", "threads write into one buffer of a model", _buffers_are_shared),
    "trusting": Plant("T6", "a model's own code is trusted", _models_are_trusted, 4),
}
"""Name -> bug."""
