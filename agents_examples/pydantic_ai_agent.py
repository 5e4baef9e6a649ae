"""A PydanticAI agent with memory as a capability.

agent = Agent(model, capabilities=[MemoryCapability(memory)])
await agent.run("When does my flight leave?", conversation_id="s1")
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from memory_adapters.pydantic_ai import MemoryCapability
from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, UserPromptPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from agents_examples.model import scripted
from memory_core import open_memory


def model() -> Any:
    """Return a real model's name where a key is set, else the scripted model."""
    if os.environ.get("OPENAI_API_KEY"):
        return f"openai:{os.environ.get('OPENAI_MODEL', 'gpt-5-mini')}"
    return FunctionModel(_answered)


def _answered(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    parts = [part for message in messages for part in message.parts]
    prompt = "\n".join(str(part.content) for part in parts if isinstance(part, UserPromptPart))
    return ModelResponse(parts=[TextPart(scripted(prompt))])


def main(home: str | Path = "~/.memory-example") -> list[str]:
    """Tell an agent something in one session and ask for it in another; return the replies."""
    replies: list[str] = []
    with open_memory(home, namespace="ana") as memory:
        agent = Agent(model(), capabilities=[MemoryCapability(memory)])
        for session, text in (
            ("s1", "My flight to Porto leaves at 9:40 on Friday"),
            ("s2", "When does my flight leave?"),
        ):
            result = asyncio.run(agent.run(text, conversation_id=session))
            replies.append(str(result.output))
            print(f"{text}\n    {replies[-1]}")
    return replies


if __name__ == "__main__":
    main(*sys.argv[1:])
