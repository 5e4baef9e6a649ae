"""An OpenAI Agents SDK agent with a session that is kept, and recall before every model call.

session = MemorySession(memory, "s1")
config = RunConfig(call_model_input_filter=recall_filter(memory, session="s1"))
await Runner.run(agent, "When does my flight leave?", session=session, run_config=config)
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from agents import Agent, RunConfig, Runner
from agents.testing import ModelStep, ScriptedModel, assistant_message
from memory_adapters.openai_agents import MemorySession, recall_filter

from agents_examples.model import scripted
from memory_core import MemoryManager, open_memory


def model() -> Any:
    """Return a real model's name where a key is set, else a scripted model for one call."""
    if os.environ.get("OPENAI_API_KEY"):
        return os.environ.get("OPENAI_MODEL", "gpt-5-mini")
    return ScriptedModel(
        [ModelStep(responder=lambda call: [assistant_message(scripted(_prompt(call.input)))])]
    )


def _prompt(items: Any) -> str:
    said = [items] if isinstance(items, str) else [str(item.get("content")) for item in items]
    return "\n".join(said)


async def talk(memory: MemoryManager, session: str, text: str) -> str:
    """Hold one turn and return the reply."""
    config = RunConfig(
        call_model_input_filter=recall_filter(memory, session=session), tracing_disabled=True
    )
    agent = Agent(name="helper", instructions="You help Ana.", model=model())
    kept = MemorySession(memory, session)
    result = await Runner.run(agent, text, session=kept, run_config=config)
    return str(result.final_output)


def main(home: str | Path = "~/.memory-example") -> list[str]:
    """Tell an agent something in one session and ask for it in another; return the replies."""
    replies: list[str] = []
    with open_memory(home, namespace="ana") as memory:
        for session, text in (
            ("s1", "My flight to Porto leaves at 9:40 on Friday"),
            ("s2", "When does my flight leave?"),
        ):
            replies.append(asyncio.run(talk(memory, session, text)))
            print(f"{text}\n    {replies[-1]}")
    return replies


if __name__ == "__main__":
    main(*sys.argv[1:])
