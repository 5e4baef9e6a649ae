"""Haystacks in a temporary home, one namespace each, with one model for all of them."""

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from memory_core.bench.filling import wait_for_index
from memory_core.build import open_memory
from memory_core.errors import InvalidInput
from memory_core.evals.leaks import Labels, check_haystack
from memory_core.evals.models import Models, models_of
from memory_core.evals.task import Haystack
from memory_core.manager import MemoryManager

LARGE = 5_000
"""Memories from which a run waits until the index is open, as it is on a store in daily use."""


@dataclass(frozen=True, slots=True)
class Filled:
    """A namespace that holds a haystack, and who is who in it."""

    memory: MemoryManager
    haystack: Haystack
    labels: Labels
    keys: Mapping[str, str]
    """Memory id -> key of its draft."""
    sessions: Mapping[str, str]
    """Memory id -> session of its draft."""
    texts: Mapping[str, str]
    """Key -> text."""


@dataclass(slots=True)
class Homes:
    """Opens haystacks one after another.

    Args:
        settings: what `open_memory` takes besides home and namespace.
        vectors: directory of kept vectors; None encodes every text anew.
        tell: called with what is being done.
    """

    settings: Mapping[str, Any]
    vectors: Path | None = None
    tell: Callable[[str], None] = lambda what: None
    seconds: dict[str, float] = field(default_factory=lambda: {"store": 0.0, "embed": 0.0})
    memories: int = 0
    _models: Models | None = None

    @contextmanager
    def filled(self, haystack: Haystack) -> Iterator[Filled]:
        """Lend a fresh namespace with the haystack stored, checked for leaks and embedded.

        Raises:
            LabelLeak: a text holds an id or label; nothing was stored.
            InvalidInput: a draft was refused.
        """
        labels = Labels(haystack.labels)
        check_haystack(haystack, labels)
        with (
            tempfile.TemporaryDirectory(prefix="memory-evals-") as home,
            self._open(Path(home), haystack.name) as memory,
        ):
            yield self._store(memory, haystack, labels)

    def _open(self, home: Path, namespace: str) -> MemoryManager:
        if self._models is None:
            self._models = models_of(self.settings, self.vectors)
        given = {**self.settings, **self._models.given}
        return open_memory(home, namespace=namespace, **given)

    def _store(self, memory: MemoryManager, haystack: Haystack, labels: Labels) -> Filled:
        self.tell(f"storing {len(haystack.drafts):,} turns")
        begun = time.perf_counter()
        report = memory.store_many(haystack.drafts)
        stored = time.perf_counter()
        if report.errors:
            first = report.errors[0]
            draft = haystack.drafts[first.position]
            raise InvalidInput(f"{draft.key}: {first.error}")
        self.tell(f"embedding {len(haystack.drafts):,} turns")
        memory.parts.catchup.drain()
        if len(haystack.drafts) >= LARGE:
            wait_for_index(memory)
        self.seconds["store"] += stored - begun
        self.seconds["embed"] += time.perf_counter() - stored
        self.memories += len(report.stored)
        return Filled(
            memory=memory,
            haystack=haystack,
            labels=labels,
            keys={one.id: one.key or "" for one in report.stored},
            sessions={one.id: one.session or "" for one in report.stored},
            texts={draft.key or "": draft.text for draft in haystack.drafts},
        )
