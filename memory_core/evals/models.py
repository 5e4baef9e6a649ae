"""The models that settings name, made as `open_memory` makes them."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memory_core.build import Wired, open_memory
from memory_core.embed.base import Embedder
from memory_core.evals.vectors import KeptVectors
from memory_core.recall.rerank import Reranker


@dataclass(frozen=True, slots=True)
class Models:
    """An embedder and, where one is configured, a cross-encoder."""

    embedder: Embedder
    reranker: Reranker | None

    @property
    def given(self) -> dict[str, Any]:
        """The models as arguments of `open_memory`."""
        judge = {} if self.reranker is None else {"reranker": self.reranker}
        return {"embedder": self.embedder, **judge}


def models_of(settings: Mapping[str, Any], vectors: Path | None = None) -> Models:
    """Return the models of these settings.

    Args:
        settings: what `open_memory` takes.
        vectors: directory of kept vectors; None encodes every text anew.

    Raises:
        InvalidSetting, ModelError: as `open_memory`.
    """
    with (
        tempfile.TemporaryDirectory(prefix="memory-evals-") as home,
        open_memory(home, **settings) as memory,
    ):
        wired = memory.parts.wiring
        embedder = memory.parts.embedder
        judge = wired.reranker if isinstance(wired, Wired) else None
    return Models(embedder if vectors is None else KeptVectors(embedder, vectors), judge)
