"""PydanticAI: the capability in the framework's own runner."""

from pathlib import Path

import pytest

pytest.importorskip("pydantic_ai.capabilities", reason="needs the extra pydantic-ai")

from memory_adapters.pydantic_ai import MemoryCapability
from pydantic_ai import Agent
from pydantic_ai.messages import (
    ModelMessage,
    ModelResponse,
    TextPart,
    ToolCallPart,
    UserPromptPart,
)
from pydantic_ai.models.function import AgentInfo, FunctionModel

from memory_core import MemoryManager, open_memory


class Scripted:
    """Answers from a list, and keeps what it was asked."""

    def __init__(self, *answers: TextPart | ToolCallPart) -> None:
        self.answers = list(answers)
        self.asked: list[list[ModelMessage]] = []

    def __call__(self, messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        self.asked.append(list(messages))
        return ModelResponse(parts=[self.answers.pop(0)])


def prompts(messages: list[ModelMessage]) -> list[str]:
    parts = [part for message in messages for part in message.parts]
    return [str(part.content) for part in parts if isinstance(part, UserPromptPart)]


def agent_over(memory: MemoryManager, script: Scripted) -> Agent[None, str]:
    agent = Agent(FunctionModel(script), capabilities=[MemoryCapability(memory)])

    @agent.tool_plain
    def gate(flight: str) -> str:
        """Tell the gate of a flight."""
        return f"{flight} leaves from gate B12"

    return agent


async def test_an_agent_knows_in_its_second_session_what_it_heard_in_the_first(
    tmp_path: Path,
) -> None:
    with open_memory(tmp_path, embedder="hash") as memory:
        script = Scripted(TextPart("Noted."))
        await agent_over(memory, script).run(
            "My flight TP123 leaves at 9:40 on Friday", conversation_id="s1"
        )
    with open_memory(tmp_path, embedder="hash") as memory:
        script = Scripted(
            ToolCallPart("gate", {"flight": "TP123"}), TextPart("At 9:40, B12."), TextPart("Yes.")
        )
        agent = agent_over(memory, script)
        first = await agent.run("When does my flight leave?", conversation_id="s2")
        assert first.output == "At 9:40, B12."
        asked, again = script.asked
        assert "9:40" in prompts(asked)[0]
        assert prompts(again) == prompts(asked)
        assert prompts(first.all_messages()) == ["When does my flight leave?"]
        await agent.run("Sure?", message_history=first.all_messages(), conversation_id="s2")
        assert prompts(script.asked[2])[0] == prompts(asked)[0]
        stored = {m.text: (m.source, m.session) for m in memory.list()}
        assert stored["TP123 leaves from gate B12"] == ("tool", "s2")
        assert stored["At 9:40, B12."] == ("assistant", "s2")
        assert stored["My flight TP123 leaves at 9:40 on Friday"] == ("user", "s1")
        assert len(stored) == 7
