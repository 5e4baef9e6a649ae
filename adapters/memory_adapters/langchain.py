"""LangChain 1.x: memory in every agent, a retriever, and a vector store.

    agent = create_agent(model, tools, middleware=[MemoryMiddleware(memory)])

The middleware recalls before the model speaks and stores the turn when the agent has answered. What
it injects stands inside the user's message of the model request only: the agent's own state, and so
a checkpoint, stays as it was, and the prompt keeps its bytes from call to call.
"""

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

from memory_adapters.conversations import Conversations
from memory_adapters.extras import needs
from memory_adapters.shelf import Shelf, Value
from memory_core import Hit, InvalidInput, Memory, MemoryHooks, MemoryManager, ToolResult

with needs("langchain", "langchain"):
    from langchain.agents.middleware import AgentMiddleware
    from langchain_core.documents import Document
    from langchain_core.embeddings import Embeddings
    from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, ToolMessage
    from langchain_core.retrievers import BaseRetriever
    from langchain_core.vectorstores import VectorStore
    from langgraph.config import get_config

_ROLES = {"human": "user", "ai": "assistant", "system": "system", "tool": "tool"}


class MemoryMiddleware(AgentMiddleware):
    """Recall before the model, store after the agent; one conversation a thread id.

    Args:
        memory: whose memory.
        session: the conversation's name where the agent runs without a `thread_id`.
        options: what `MemoryHooks` takes: `k`, `token_budget`, `deadline_ms` and so on.
    """

    def __init__(self, memory: MemoryManager, *, session: str = "agent", **options: Any) -> None:
        super().__init__()
        self.memory = memory
        self._session = session
        self._talks = Conversations(memory, **options)

    def wrap_model_call(self, request: Any, handler: Callable[[Any], Any]) -> Any:
        """Answer with the memory's records in the user's messages."""
        return handler(self._injected(request, self._hooks_now()))

    async def awrap_model_call(self, request: Any, handler: Callable[[Any], Awaitable[Any]]) -> Any:
        """See `wrap_model_call`; recalls in a thread."""
        hooks = self._hooks_now()
        return await handler(await asyncio.to_thread(self._injected, request, hooks))

    def after_agent(self, state: Any, runtime: Any) -> None:
        """Store the turn that just ended."""
        self._store(state["messages"], self._hooks_now())

    async def aafter_agent(self, state: Any, runtime: Any) -> None:
        """See `after_agent`; stores in a thread."""
        await asyncio.to_thread(self._store, state["messages"], self._hooks_now())

    def _hooks_now(self) -> MemoryHooks:
        thread = get_config().get("configurable", {}).get("thread_id") or self._session
        return self._talks.of(str(thread))

    def _injected(self, request: Any, hooks: MemoryHooks) -> Any:
        given: list[AnyMessage] = request.messages
        plain = [
            {"role": _ROLES.get(message.type, message.type), "content": message.content}
            for message in given
        ]
        turn = hooks.before_turn(plain)
        changed = [
            message
            if ours["content"] == theirs["content"]
            else message.model_copy(update={"content": ours["content"]})
            for message, theirs, ours in zip(given, plain, turn.messages, strict=True)
        ]
        return request.override(messages=changed)

    def _store(self, messages: Sequence[AnyMessage], hooks: MemoryHooks) -> None:
        turn = list(messages)
        starts = [n for n, message in enumerate(turn) if isinstance(message, HumanMessage)]
        if not starts:
            return
        user, rest = turn[starts[-1]], turn[starts[-1] + 1 :]
        tools = [ToolResult(m.text, m.name) for m in rest if isinstance(m, ToolMessage) and m.text]
        reply = "\n".join(m.text for m in rest if isinstance(m, AIMessage) and m.text)
        hooks.after_turn(user.text, reply, tools)


class MemoryRetriever(BaseRetriever):
    """Recalls memories as documents; id, score, time, source and trust stand in the metadata."""

    memory: Any
    k: int = 8
    where: dict[str, Any] | None = None

    def _get_relevant_documents(
        self, query: str, *, run_manager: Any, k: int | None = None
    ) -> list[Document]:
        result = self.memory.recall(query, k=self.k if k is None else k, where=self.where)
        return [_recalled(hit) for hit in result.hits]


class MemoryVectorStore(VectorStore):
    """A vector store whose documents are memories; ids are exact, embedding is the memory's own.

    Args:
        memory: where the documents are kept.
        erase: whether `delete` erases every byte, which is slower, instead of forgetting.
    """

    def __init__(self, memory: MemoryManager, *, erase: bool = False) -> None:
        self.memory = memory
        self._shelf = Shelf(memory, "langchain", erase=erase)

    def add_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        **kwargs: Any,
    ) -> list[str]:
        """Store texts under ids, in place of what stands there; return the ids."""
        given = list(texts)
        about = metadatas or [{} for _ in given]
        names: Sequence[str | None] = ids or [None] * len(given)
        if not len(given) == len(about) == len(names):
            raise InvalidInput(
                f"{len(given)} texts, {len(about)} metadatas, {len(names)} ids; pass equal numbers"
            )
        chosen = [name or str(uuid.uuid4()) for name in names]
        self._shelf.put_many(
            {
                name: Value(text, _kept(name, metadata), {"source": "document", "kind": "semantic"})
                for name, text, metadata in zip(chosen, given, about, strict=True)
            }
        )
        return chosen

    def add_documents(self, documents: list[Document], **kwargs: Any) -> list[str]:
        """Store documents under the given or their own ids; return the ids."""
        ids = kwargs.pop("ids", None) or [document.id for document in documents]
        texts = [document.page_content for document in documents]
        return self.add_texts(texts, [document.metadata for document in documents], ids=ids)

    async def aadd_documents(self, documents: list[Document], **kwargs: Any) -> list[str]:
        """See `add_documents`; runs in a thread."""
        return await asyncio.to_thread(self.add_documents, documents, **kwargs)

    def delete(self, ids: list[str] | None = None, **kwargs: Any) -> bool | None:
        """Remove documents; ids that are not there are passed over."""
        for name in ids or ():
            self._shelf.remove(name)
        return True

    def get_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """Return the documents that are there, in the order of the ids."""
        found = (self._shelf.get(name) for name in ids)
        return [_document(memory) for memory in found if memory is not None]

    def similarity_search(self, query: str, k: int = 4, **kwargs: Any) -> list[Document]:
        """Return the k documents that answer best; see `similarity_search_with_score`."""
        return [document for document, _ in self.similarity_search_with_score(query, k, **kwargs)]

    def similarity_search_with_score(
        self, query: str, k: int = 4, *, filter: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> list[tuple[Document, float]]:
        """Return the k best documents with their scores.

        Args:
            query: the question.
            k: how many, 1..200.
            filter: metadata that the documents must have: values, or `{"$in": […]}` and so on.
            kwargs: what other vector stores take is passed over.
        """
        where = {f"metadata.{name}": value for name, value in (filter or {}).items()}
        mine = {"metadata.shelf": self._shelf.name, **where}
        hits = self.memory.recall(query, k=k, where=mine).hits
        return [(_document(hit.memory), hit.score) for hit in hits]

    def _select_relevance_score_fn(self) -> Callable[[float], float]:
        return lambda score: max(0.0, min(1.0, score / 2))

    @classmethod
    def from_texts(
        cls,
        texts: list[str],
        embedding: Embeddings,
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        **kwargs: Any,
    ) -> "MemoryVectorStore":
        """Return a store with these texts; pass `memory=`, whose own embedder is used."""
        if not isinstance(memory := kwargs.get("memory"), MemoryManager):
            raise InvalidInput("from_texts needs memory=, an open memory; see open_memory")
        store = cls(memory)
        store.add_texts(texts, metadatas, ids=ids)
        return store


_NAME, _REST = "document_id", "document_json"


def _kept(name: str, metadata: Mapping[str, Any]) -> dict[str, object]:
    """Return the metadata that can be filtered by, and all of it as JSON where that is not all."""
    flat = {
        key: value
        for key, value in metadata.items()
        if isinstance(value, str | int | float) and key not in ("shelf", _NAME, _REST)
    }
    kept: dict[str, object] = {**flat, _NAME: name}
    if len(flat) < len(metadata):
        try:
            kept[_REST] = json.dumps(metadata)
        except TypeError as error:
            raise InvalidInput(f"metadata of {name!r} is not JSON: {error}; change it") from error
    return kept


def _document(memory: Memory) -> Document:
    kept = dict(memory.metadata)
    kept.pop("shelf", None)
    name, rest = kept.pop(_NAME, memory.id), kept.pop(_REST, None)
    return Document(
        id=str(name),
        page_content=memory.text,
        metadata=json.loads(str(rest)) if rest is not None else kept,
    )


def _recalled(hit: Hit) -> Document:
    memory = hit.memory
    about = {
        "score": hit.score, "time": memory.occurred_at.isoformat(), "source": memory.source,
        "trust": memory.trust.value, "session": memory.session, "speaker": memory.speaker,
    }  # fmt: skip
    return Document(id=memory.id, page_content=memory.text, metadata={**memory.metadata, **about})
