"""memory-core through its public face, all defaults."""

from collections.abc import Sequence

from memory_core import MemoryManager, open_memory
from tests.peers.peer import Place, Turn


class Ours:
    settings = "all defaults; reranker as shipped"

    def __init__(self, place: Place) -> None:
        self._home = place.home
        self._open: dict[str, MemoryManager] = {}
        self._keys: dict[str, str] = {}

    def store(self, conversation: str, turns: Sequence[Turn]) -> None:
        shared = {}
        if self._open:
            shared["embedder"] = next(iter(self._open.values())).parts.embedder
        memory = open_memory(self._home, namespace=conversation, **shared)
        report = memory.store_many(
            {"text": turn.said, "speaker": turn.speaker, "session": turn.session, "role": "user",
             "occurred_at": turn.at, "key": turn.key}
            for turn in turns
        )  # fmt: skip
        memory.parts.catchup.drain()
        self._keys.update({one.id: one.key or "" for one in report.stored})
        self._open[conversation] = memory

    def recall(self, conversation: str, question: str, k: int) -> list[str]:
        hits = self._open[conversation].recall(question, k=k, record=False).hits
        return [self._keys[hit.id] for hit in hits]
