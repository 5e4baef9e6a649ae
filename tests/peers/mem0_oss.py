"""mem0 OSS without its LLM: infer=False stores what it is given."""

import os
from collections.abc import Sequence

os.environ.setdefault("MEM0_TELEMETRY", "False")
os.environ.setdefault("OPENAI_API_KEY", "unused")  # its constructor asks for one; nothing calls it

from mem0 import Memory

from tests.peers.peer import DIMENSION, Place, Turn


class Mem0:
    settings = (
        "infer=False, huggingface embedder, qdrant on disk (its default store); without its keyword"
        " search, whose models are downloads"
    )

    def __init__(self, place: Place) -> None:
        os.environ["MEM0_DIR"] = str(place.home / "mem0")
        model = {"model": str(place.model), "embedding_dims": DIMENSION}
        store = {"path": str(place.home / "qdrant"), "embedding_model_dims": DIMENSION,
                 "collection_name": "memories", "on_disk": True}  # fmt: skip
        self._memory = Memory.from_config(
            {
                "embedder": {"provider": "huggingface", "config": model},
                "vector_store": {"provider": "qdrant", "config": store},
                "history_db_path": str(place.home / "history.db"),
            }
        )

    def store(self, conversation: str, turns: Sequence[Turn]) -> None:
        for turn in turns:
            self._memory.add(
                turn.text, user_id=conversation, metadata={"key": turn.key}, infer=False
            )

    def recall(self, conversation: str, question: str, k: int) -> list[str]:
        found = self._memory.search(question, filters={"user_id": conversation}, top_k=k)
        return [one["metadata"]["key"] for one in found["results"]]
