"""LlamaIndex's vector memory: every message a node of the default vector store."""

from collections.abc import Sequence
from typing import Any

from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.llms import ChatMessage
from llama_index.core.memory import VectorMemory
from pydantic import PrivateAttr

from tests.peers.peer import Encode, Place, Turn


class Shared(BaseEmbedding):
    """The shared model, as LlamaIndex wants it."""

    _encode: Encode = PrivateAttr()

    def __init__(self, encode: Encode) -> None:
        super().__init__(model_name="all-MiniLM-L6-v2")
        self._encode = encode

    def _get_text_embedding(self, text: str) -> list[float]:
        return [float(x) for x in self._encode([text])[0]]

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return [[float(x) for x in row] for row in self._encode(texts)]

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)


class LlamaIndexMemory:
    settings = "VectorMemory(batch_by_user_message=False, similarity_top_k=k)"

    def __init__(self, place: Place) -> None:
        self._model = Shared(place.encoder())
        self._memories: dict[str, Any] = {}

    def store(self, conversation: str, turns: Sequence[Turn]) -> None:
        memory = VectorMemory.from_defaults(
            embed_model=self._model, retriever_kwargs={"similarity_top_k": 20}
        )
        memory.batch_by_user_message = False  # one node a turn, not one a user and their replies
        for turn in turns:
            memory.put(
                ChatMessage(role="user", content=turn.text, additional_kwargs={"key": turn.key})
            )
        self._memories[conversation] = memory

    def recall(self, conversation: str, question: str, k: int) -> list[str]:
        found = self._memories[conversation].get(question)
        return [str(one.additional_kwargs["key"]) for one in found][:k]
