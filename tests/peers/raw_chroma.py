"""Chroma alone: cosine space, the shared model, one collection a conversation."""

from collections.abc import Sequence

import chromadb

from tests.peers.peer import Place, Turn

BATCH = 1_000


class RawChroma:
    settings = "PersistentClient, hnsw:space=cosine, explicit embeddings"

    def __init__(self, place: Place) -> None:
        self._client = chromadb.PersistentClient(str(place.home / "chroma"))
        self._encode = place.encoder()

    def store(self, conversation: str, turns: Sequence[Turn]) -> None:
        collection = self._client.create_collection(
            conversation, embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
        )
        for start in range(0, len(turns), BATCH):
            part = turns[start : start + BATCH]
            texts = [turn.text for turn in part]
            collection.add(
                ids=[turn.key for turn in part], documents=texts, embeddings=self._encode(texts)
            )

    def recall(self, conversation: str, question: str, k: int) -> list[str]:
        collection = self._client.get_collection(conversation, embedding_function=None)
        found = collection.query(query_embeddings=self._encode([question]), n_results=k)
        return list(found["ids"][0])
