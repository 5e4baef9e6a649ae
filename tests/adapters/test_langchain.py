"""LangChain: an agent with memory, a retriever, a vector store."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("langchain.agents.middleware", reason="needs the extra langchain")

from langchain.agents import create_agent
from langchain.tools import tool
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from memory_adapters.langchain import MemoryMiddleware, MemoryRetriever, MemoryVectorStore

from memory_core import InvalidInput, MemoryManager, open_memory


class Scripted(BaseChatModel):
    """Answers from a list, and keeps what it was asked."""

    answers: list[Any]
    asked: list[list[BaseMessage]]

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Any, **kwargs: Any) -> "Scripted":
        return self

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        self.asked.append(list(messages))
        answer = self.answers[len(self.asked) - 1]
        message = answer if isinstance(answer, AIMessage) else AIMessage(answer)
        return ChatResult(generations=[ChatGeneration(message=message)])


@tool
def gate(flight: str) -> str:
    """Tell the gate of a flight."""
    return f"{flight} leaves from gate B12"


def ask(agent: Any, text: str, thread: str) -> Any:
    return agent.invoke({"messages": [("user", text)]}, {"configurable": {"thread_id": thread}})[
        "messages"
    ]


def test_an_agent_knows_in_its_second_session_what_it_heard_in_the_first(tmp_path: Path) -> None:
    with open_memory(tmp_path, embedder="hash") as memory:
        model = Scripted(answers=["Noted."], asked=[])
        agent = create_agent(model, middleware=[MemoryMiddleware(memory)])
        ask(agent, "My flight TP123 leaves at 9:40 on Friday", "s1")
    with open_memory(tmp_path, embedder="hash") as memory:
        call = AIMessage("", tool_calls=[{"name": "gate", "args": {"flight": "TP123"}, "id": "1"}])
        model = Scripted(answers=[call, "At 9:40, from gate B12."], asked=[])
        agent = create_agent(model, [gate], middleware=[MemoryMiddleware(memory)])
        messages = ask(agent, "When does my flight leave?", "s2")
        first, second = model.asked
        assert "9:40" in first[-1].text
        assert second[0] == first[0]
        assert second[2].text == "TP123 leaves from gate B12"
        assert messages[0].text == "When does my flight leave?"
        stored = {m.text: (m.source, m.session) for m in memory.list()}
        assert stored["TP123 leaves from gate B12"] == ("tool", "s2")
        assert stored["At 9:40, from gate B12."] == ("assistant", "s2")
        assert stored["My flight TP123 leaves at 9:40 on Friday"] == ("user", "s1")


async def test_the_async_agent_does_the_same(memory: MemoryManager) -> None:
    memory.store("The gate code is 4471")
    model = Scripted(answers=["4471."], asked=[])
    agent = create_agent(model, middleware=[MemoryMiddleware(memory, session="s1")])
    await agent.ainvoke({"messages": [("user", "What is the gate code?")]})
    assert "4471" in model.asked[0][-1].text
    assert {m.session for m in memory.list()} == {None, "s1"}


def test_a_retriever_gives_documents(memory: MemoryManager) -> None:
    stored = memory.store("The gate code is 4471", speaker="Ana", metadata={"place": "home"})
    memory.store("The gate is green")
    (found,) = MemoryRetriever(memory=memory, k=1).invoke("What is the gate code?")
    assert (found.id, found.page_content) == (stored.id, "The gate code is 4471")
    assert found.metadata["speaker"] == "Ana"
    assert found.metadata["score"] > 0
    assert len(MemoryRetriever(memory=memory).invoke("gate", k=2)) == 2
    only = MemoryRetriever(memory=memory, where={"metadata.place": "home"})
    assert len(only.invoke("gate")) == 1


def test_a_vector_store_replaces_by_id_and_filters(memory: MemoryManager) -> None:
    store = MemoryVectorStore(memory)
    nested = {"page": 2, "from": {"book": "b"}, "none": None}
    ids = store.add_documents(
        [
            Document("boats have sails", id="a", metadata=nested),
            Document("gardens have walls", metadata={"page": 3}),
        ]
    )
    assert ids[0] == "a"
    assert store.get_by_ids(["a"])[0].metadata == nested
    assert [d.page_content for d in store.similarity_search("sails", k=1)] == ["boats have sails"]
    assert [d.id for d in store.similarity_search("sails", filter={"page": 3})] == [ids[1]]
    store.add_texts(["boats have engines"], ids=["a"])
    assert store.get_by_ids(["a", "none"]) == [Document("boats have engines", id="a")]
    store.delete(["a", "none"])
    assert store.get_by_ids(["a"]) == []
    assert len(store.as_retriever().invoke("boats")) == 1
    with pytest.raises(InvalidInput, match="equal numbers"):
        store.add_texts(["a", "b"], ids=["a"])
    with pytest.raises(InvalidInput, match="not JSON"):
        store.add_texts(["a"], [{"x": object()}])


def test_a_vector_store_is_made_from_texts(memory: MemoryManager) -> None:
    embedding = DeterministicFakeEmbedding(size=8)
    made = MemoryVectorStore.from_texts(["boats have sails"], embedding, memory=memory)
    assert made.similarity_search_with_relevance_scores("boats have sails", k=1)[0][1] <= 1
    with pytest.raises(InvalidInput, match="memory="):
        MemoryVectorStore.from_texts(["boats have sails"], embedding)
