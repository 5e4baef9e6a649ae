"""Strands Agents: the store behind the framework's own memory manager."""

from collections.abc import AsyncIterable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("strands.memory", reason="needs the extra strands, which holds mcp below 2.2")

from memory_adapters.strands import StrandsStore
from strands import Agent
from strands.memory import AddMessagesContext, MemoryManager
from strands.models import Model

from memory_core import open_memory


class Scripted(Model):
    """Answers from a list, and keeps what it was asked."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[Any] = []

    def update_config(self, **config: Any) -> None: ...

    def get_config(self) -> dict[str, Any]:
        return {}

    async def structured_output(self, *args: Any, **kwargs: Any) -> Any:
        yield {}

    async def stream(self, messages: Any, *args: Any, **kwargs: Any) -> AsyncIterable[Any]:
        self.asked.append([dict(message) for message in messages])
        yield {"messageStart": {"role": "assistant"}}
        yield {"contentBlockStart": {"start": {}}}
        yield {"contentBlockDelta": {"delta": {"text": self.answers.pop(0)}}}
        yield {"contentBlockStop": {}}
        yield {"messageStop": {"stopReason": "end_turn"}}


async def test_an_agent_knows_in_its_second_session_what_it_heard_in_the_first(
    tmp_path: Path,
) -> None:
    with open_memory(tmp_path, embedder="hash") as memory:
        await StrandsStore(memory).add("My flight leaves at 9:40 on Friday", {"n": 1, "deep": {}})
    with open_memory(tmp_path, embedder="hash") as memory:
        model = Scripted("At 9:40.")
        manager = MemoryManager(stores=[StrandsStore(memory)], injection=True)
        agent = Agent(model=model, memory_manager=manager, callback_handler=None)
        await agent.invoke_async("When does my flight leave?")
        assert "9:40" in str(model.asked[0])


async def test_a_batch_handed_over_again_is_stored_once(tmp_path: Path) -> None:
    with open_memory(tmp_path, embedder="hash") as memory:
        store = StrandsStore(memory)
        said: Any = [
            {"role": "user", "content": [{"text": "ok"}, {"toolResult": {}}]},
            {"role": "assistant", "content": [{"text": "ok"}]},
        ]
        for _ in range(2):
            await store.add_messages(said, AddMessagesContext(sequence_numbers=[0, 3]))
        assert [(m.text, m.source) for m in memory.list()] == [("ok", "assistant"), ("ok", "user")]
        assert await store.search(" ") == []
