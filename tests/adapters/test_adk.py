"""Google ADK: the memory service in the framework's own runner."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("google.adk.memory", reason="needs the extra adk")

from google.adk.agents import LlmAgent
from google.adk.memory.memory_entry import MemoryEntry
from google.adk.models import BaseLlm, LlmRequest, LlmResponse
from google.adk.runners import Runner
from google.adk.sessions import InMemorySessionService
from google.adk.tools import preload_memory
from google.genai import types
from memory_adapters.adk import AdkMemory

WHO = {"app_name": "app", "user_id": "ana"}


class Scripted(BaseLlm):
    """Answers from a list, and keeps what it was asked."""

    model: str = "scripted"
    answers: list[str]
    asked: list[Any] = []  # noqa: RUF012 - pydantic copies it

    async def generate_content_async(
        self, llm_request: LlmRequest, stream: bool = False
    ) -> AsyncGenerator[LlmResponse, None]:
        self.asked.append(llm_request)
        part = types.Part(text=self.answers[len(self.asked) - 1])
        yield LlmResponse(content=types.Content(role="model", parts=[part]))


async def talk(service: AdkMemory, text: str, answer: str) -> Scripted:
    model = Scripted(answers=[answer], asked=[])
    agent = LlmAgent(name="helper", model=model, tools=[preload_memory])
    sessions = InMemorySessionService()
    session = await sessions.create_session(**WHO)
    runner = Runner(app_name="app", agent=agent, session_service=sessions, memory_service=service)
    message = types.Content(role="user", parts=[types.Part(text=text)])
    async for _ in runner.run_async(user_id="ana", session_id=session.id, new_message=message):
        pass
    kept = await sessions.get_session(session_id=session.id, **WHO)
    assert kept is not None
    await service.add_session_to_memory(kept)
    await service.add_session_to_memory(kept)
    return model


async def test_an_agent_knows_in_its_second_session_what_it_heard_in_the_first(
    tmp_path: Path,
) -> None:
    first = AdkMemory(tmp_path, embedder="hash")
    await talk(first, "My flight leaves at 9:40 on Friday", "Noted.")
    assert len(first.of("app", "ana").list()) == 2
    first.close()
    second = AdkMemory(tmp_path, embedder="hash")
    model = await talk(second, "When does my flight leave?", "At 9:40.")
    assert "9:40" in str(model.asked[0].contents)
    assert len(second.of("app", "ana").list()) == 4
    second.close()


async def test_users_are_walls_and_deleted_memories_stay_deleted(tmp_path: Path) -> None:
    service = AdkMemory(tmp_path, embedder="hash")
    entry = MemoryEntry(
        id="e1", author="Ana", timestamp="2026-03-14T10:00:00+00:00",
        content=types.Content(parts=[types.Part(text="The gate code is 4471")]),
        custom_metadata={"place": "home", "deep": {}},
    )  # fmt: skip
    for _ in range(2):
        await service.add_memory(**WHO, memories=[entry])
    (found,) = (await service.search_memory(**WHO, query="gate code")).memories
    assert (found.author, found.timestamp) == ("Ana", "2026-03-14T10:00:00+00:00")
    assert found.content.parts[0].text == "The gate code is 4471"
    assert found.custom_metadata["place"] == "home"
    for other in ({"app_name": "app", "user_id": "bo"}, {"app_name": "b", "user_id": "ana"}):
        assert (await service.search_memory(**other, query="gate code")).memories == []
        await service.delete_memory(**other, memory_id=found.id)
    assert (await service.search_memory(**WHO, query=" ")).memories == []
    await service.delete_memory(**WHO, memory_id=found.id)
    await service.add_memory(**WHO, memories=[entry])
    assert (await service.search_memory(**WHO, query="gate code")).memories == []
    service.close()
