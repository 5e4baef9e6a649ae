"""CrewAI: our storage behind the framework's own memory, agent and crew, with a scripted model."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("crewai", reason="needs an environment of its own: it holds pydantic and mcp")

from crewai import Agent, Crew, Task
from crewai.llms.base_llm import BaseLLM
from crewai.memory.storage.backend import EmbeddingDimensionMismatchError
from crewai.memory.types import MemoryRecord
from crewai.memory.unified_memory import Memory
from memory_adapters.crewai import CrewStorage

from memory_core import InvalidInput, open_memory


class Scripted(BaseLLM):
    """Answers every call alike, and keeps what it was asked."""

    answer: str = ""
    asked: list[Any] = []  # noqa: RUF012 - a field of the framework's model

    def call(self, messages: Any, *args: Any, **kwargs: Any) -> Any:
        self.asked.append(messages)
        return self.answer

    def supports_function_calling(self) -> bool:
        return False


def kickoff(home: Path, answer: str, ask: str) -> Scripted:
    """Run a crew of one agent in a process-like session of its own."""
    model = Scripted(model="scripted", answer=f"Thought: I know\nFinal Answer: {answer}")
    with open_memory(home, embedder="hash", recordings=False) as opened:
        storage = CrewStorage(opened)
        memory = Memory(storage=storage, embedder=storage.embed, llm=model)
        agent = Agent(role="Clerk", goal="Help", backstory="A clerk", llm=model, memory=memory)
        task = Task(description=ask, expected_output="One sentence", agent=agent)
        Crew(agents=[agent], tasks=[task], memory=memory).kickoff()
        memory.close()
    return model


def test_a_crew_knows_in_its_second_session_what_it_heard_in_the_first(tmp_path: Path) -> None:
    kickoff(tmp_path, "Ana's flight leaves at 9:40 on Friday", "When does the flight leave?")
    with open_memory(tmp_path, embedder="hash") as opened:
        assert any("9:40" in memory.text for memory in opened.list())
    model = kickoff(tmp_path, "Noted", "Which flight does Ana take on Friday?")
    assert "9:40" in str(model.asked)


def record(content: str, vector: list[float], **fields: Any) -> MemoryRecord:
    return MemoryRecord(content=content, embedding=vector, **fields)


@pytest.mark.parametrize("dimension", [4, 768, 1_000, 1_536, 3_072])
def test_a_vector_is_found_by_itself_in_whatever_form(tmp_path: Path, dimension: int) -> None:
    with open_memory(tmp_path, embedder="hash", recordings=False) as opened:
        storage = CrewStorage(opened)
        vectors = [[((n * 37 + i * i) % 101 - 50) / 7 for i in range(dimension)] for n in range(3)]
        storage.save([record(f"text {n}", vector) for n, vector in enumerate(vectors)])
        for n, vector in enumerate(vectors):
            hits = storage.search(vector)
            assert hits[0][0].content == f"text {n}"
            assert hits[0][1] == pytest.approx(1, abs=2e-4)
        with pytest.raises(EmbeddingDimensionMismatchError):
            storage.search([1.0])


def test_scopes_match_by_their_parts(tmp_path: Path) -> None:
    with open_memory(tmp_path, embedder="hash", recordings=False) as opened:
        storage = CrewStorage(opened)
        storage.save(
            [record(s, [1.0, 0.0], scope=s) for s in ("/a", "/a/b", "/a/b/c", "/ab", "/a%")]
        )
        assert storage.count("/a") == 3
        assert storage.list_scopes("/") == ["/a", "/a%", "/ab"]
        assert storage.list_scopes("/a/") == ["/a/b"]
        assert storage.delete("/a/b") == 2
        assert {each.content for each in storage.list_records()} == {"/a", "/ab", "/a%"}


@pytest.mark.parametrize("vector", [[float("nan"), 1.0], [0.1] * 4_000])
def test_vectors_that_cannot_be_kept_are_refused(tmp_path: Path, vector: list[float]) -> None:
    with open_memory(tmp_path, embedder="hash", recordings=False) as opened:
        storage = CrewStorage(opened)
        with pytest.raises(InvalidInput, match="a vector"):
            storage.save([record("kept", [1.0, 0.0]), record("wrong", vector)][1:])
        assert storage.count() == 0
