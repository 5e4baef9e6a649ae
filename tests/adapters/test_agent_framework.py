"""Microsoft Agent Framework: context and history in the framework's own agent."""

from collections.abc import Awaitable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("agent_framework", reason="needs the extra msaf")

from agent_framework import Agent, AgentSession, BaseChatClient, ChatResponse, Content, Message
from memory_adapters.agent_framework import MemoryContext, MemoryHistory

from memory_core import MemoryManager, open_memory


class Scripted(BaseChatClient):
    """Answers from a list, and keeps what it was asked."""

    def __init__(self, *answers: str) -> None:
        super().__init__()
        self.answers = list(answers)
        self.asked: list[list[Message]] = []

    def _inner_get_response(
        self, *, messages: Sequence[Message], stream: bool, options: Mapping[str, Any], **rest: Any
    ) -> Awaitable[ChatResponse]:
        self.asked.append(list(messages))

        async def answered() -> ChatResponse:
            answer = Message(role="assistant", contents=[self.answers.pop(0)])
            return ChatResponse(messages=[answer])

        return answered()


async def ask(agent: Agent, text: str, session: str) -> str:
    return (await agent.run(text, session=AgentSession(session_id=session))).text


async def test_an_agent_knows_in_its_second_session_what_it_heard_in_the_first(
    tmp_path: Path,
) -> None:
    with open_memory(tmp_path, embedder="hash") as memory:
        agent = Agent(Scripted("Noted."), context_providers=[MemoryContext(memory)])
        await ask(agent, "My flight leaves at 9:40 on Friday", "s1")
    with open_memory(tmp_path, embedder="hash") as memory:
        client = Scripted("At 9:40.")
        agent = Agent(client, context_providers=[MemoryContext(memory)])
        assert await ask(agent, "When does my flight leave?", "s2") == "At 9:40."
        assert any("9:40" in message.text for message in client.asked[0])
        assert {(m.text, m.session) for m in memory.list()} >= {
            ("My flight leaves at 9:40 on Friday", "s1"), ("At 9:40.", "s2"),
        }  # fmt: skip


async def test_a_history_goes_on_in_another_process(tmp_path: Path) -> None:
    for n, text in enumerate(("My flight leaves at 9:40", "When does it leave?")):
        with open_memory(tmp_path, embedder="hash") as memory:
            client = Scripted(f"answer {n}")
            providers = [MemoryHistory(memory), MemoryContext(memory, store=False)]
            await ask(Agent(client, context_providers=providers), text, "s1")
            if n:
                said = [message.text for message in client.asked[0]]
                assert said[:2] == ["My flight leaves at 9:40", "answer 0"]
                assert len(memory.list()) == 4


async def test_messages_come_back_exactly(memory: MemoryManager) -> None:
    history = MemoryHistory(memory)
    messages = [
        Message(role="user", contents=["hello there"]),
        Message(role="assistant", contents=[
            Content.from_function_call("c1", "gate", arguments={"flight": "TP123"})]),
        Message(role="tool", contents=[Content.from_function_result("c1", result="B12")]),
        Message(role="user", contents=["one", "two"]),
    ]  # fmt: skip
    await history.save_messages("s1", messages[:2])
    await history.save_messages("s1", messages[2:])
    await history.save_messages("s1", [])
    kept = await history.get_messages("s1")
    assert [message.to_dict() for message in kept] == [m.to_dict() for m in messages]
    assert await history.get_messages("s2") == []
    assert [hit.memory.text for hit in memory.recall("hello there", k=1).hits] == ["hello there"]
