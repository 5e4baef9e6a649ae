"""OpenAI Agents SDK: the session protocol, and recall in the SDK's own runner."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("agents.testing", reason="needs the extra openai-agents")

from agents import Agent, RunConfig, Runner, function_tool
from agents.memory import Session
from agents.testing import ScriptedModel, assistant_message, function_call
from memory_adapters import log
from memory_adapters.openai_agents import MemorySession, recall_filter

from memory_core import InvalidInput, MemoryManager, open_memory

ITEMS: list[dict[str, Any]] = [
    {"role": "user", "content": "hello there"},
    {"role": "assistant", "type": "message", "id": "m1", "status": "completed",
     "content": [{"type": "output_text", "text": "Hello!", "annotations": []}]},
    {"type": "function_call", "call_id": "c1", "name": "gate", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "c1", "output": "B12"},
    {"role": "user", "content": [{"type": "input_text", "text": "a"},
                                 {"type": "input_image", "image_url": "data:,x"}]},
    {"role": "user", "content": " "},
    {"role": "user", "content": "lone \ud800"},
    {"role": "user", "content": {"$": 0}},
    {"role": "assistant", "content": "x" * 3_000},
    {"type": "reasoning", "summary": ["y" * 3_000]},
]  # fmt: skip


async def test_items_come_back_exactly_and_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "PIECE", 1_000)
    with open_memory(tmp_path, embedder="hash") as memory:
        session = MemorySession(memory, "s1")
        assert isinstance(session, Session)
        await session.add_items(ITEMS[:4])
        await session.add_items(ITEMS[4:])
        await session.add_items([])
        await MemorySession(memory, "s2").add_items(ITEMS[:1])
    with open_memory(tmp_path, embedder="hash") as memory:
        session = MemorySession(memory, "s1")
        assert await session.get_items() == ITEMS
        assert await session.get_items(limit=0) == []
        assert await session.get_items(limit=1) == ITEMS[-1:]
        assert await session.pop_item() == ITEMS[-1]
        assert await session.get_items(limit=3) == ITEMS[-4:-1]
        await session.clear_session()
        assert (await session.get_items(), await session.pop_item()) == ([], None)
        assert await MemorySession(memory, "s2").get_items() == ITEMS[:1]


async def test_what_is_not_json_is_refused_whole(memory: MemoryManager) -> None:
    session = MemorySession(memory, "s1")
    with pytest.raises(InvalidInput, match="not JSON"):
        await session.add_items([ITEMS[0], {"role": "user", "content": object()}])
    assert await session.get_items() == []


@function_tool
def gate(flight: str) -> str:
    """Tell the gate of a flight."""
    return f"{flight} leaves from gate B12"


async def run(memory: MemoryManager, model: ScriptedModel, text: str, session: str) -> Any:
    agent = Agent(name="helper", model=model, tools=[gate])
    config = RunConfig(
        call_model_input_filter=recall_filter(memory, session=session), tracing_disabled=True
    )
    return await Runner.run(agent, text, session=MemorySession(memory, session), run_config=config)


async def test_an_agent_knows_in_its_second_session_what_it_heard_in_the_first(
    tmp_path: Path,
) -> None:
    with open_memory(tmp_path, embedder="hash") as memory:
        model = ScriptedModel([[assistant_message("Noted.")]])
        await run(memory, model, "My flight TP123 leaves at 9:40 on Friday", "s1")
    with open_memory(tmp_path, embedder="hash") as memory:
        model = ScriptedModel(
            [
                [function_call("gate", {"flight": "TP123"}, call_id="c1")],
                [assistant_message("At 9:40, B12.")],
            ]
        )
        await run(memory, model, "When does my flight leave?", "s2")
        first, second = (call.input for call in model.calls)
        assert "9:40" in first[-1]["content"]
        assert second[0] == first[0]
        kept = await MemorySession(memory, "s2").get_items()
        assert kept[0] == {"content": "When does my flight leave?", "role": "user"}
        assert len(kept) == 4
        said = [m.text for m in memory.list() if not m.metadata.get("raw")]
        assert sorted(said) == [
            "At 9:40, B12.", "My flight TP123 leaves at 9:40 on Friday", "Noted.",
            "When does my flight leave?",
        ]  # fmt: skip
