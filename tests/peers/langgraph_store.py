"""LangGraph's InMemoryStore with its vector index."""

from collections.abc import Sequence

from langgraph.store.base import PutOp
from langgraph.store.memory import InMemoryStore

from tests.peers.peer import DIMENSION, Place, Turn


class LangGraphStore:
    settings = "InMemoryStore(index={embed, dims=384, fields=[text]}), one batch of puts"

    def __init__(self, place: Place) -> None:
        encode = place.encoder()

        def embed(texts: Sequence[str]) -> list[list[float]]:
            return [row.tolist() for row in encode(texts)]

        self._store = InMemoryStore(index={"embed": embed, "dims": DIMENSION, "fields": ["text"]})

    def store(self, conversation: str, turns: Sequence[Turn]) -> None:
        name = (conversation.replace(".", "-"),)
        self._store.batch([PutOp(name, turn.key, {"text": turn.text}) for turn in turns])

    def recall(self, conversation: str, question: str, k: int) -> list[str]:
        name = (conversation.replace(".", "-"),)
        return [item.key for item in self._store.search(name, query=question, limit=k)]
