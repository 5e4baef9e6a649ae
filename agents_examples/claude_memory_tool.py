"""Claude's memory tool without files: `/memories` lives in the journal, with history.

tool = MemoryTool(open_memory("~/.my-agent", namespace="ana"))
client.beta.messages.tool_runner(
    model=model, max_tokens=1000, tools=[tool], messages=[{"role": "user", "content": text}]
).until_done()
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

import httpx2
from anthropic import Anthropic
from memory_adapters.anthropic import MemoryTool

from memory_core import open_memory

FILE = "/memories/travel.md"
SCRIPT = (
    {"command": "create", "path": FILE, "file_text": "Flight to Porto: Friday, 9:40"},
    {"command": "view", "path": FILE},
)
TURNS = ("My flight to Porto leaves at 9:40 on Friday", "When does my flight leave?")


class ScriptedService:
    """Stands for the service: calls the memory tool once, then says what it got."""

    def __init__(self, command: dict[str, Any]) -> None:
        self.command = command

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        """Answer one request."""
        last = json.loads(request.content)["messages"][-1]["content"]
        if isinstance(last, str):
            content = {"type": "tool_use", "id": "t", "name": "memory", "input": self.command}
        else:
            told = last[0]["content"]
            said = told if isinstance(told, str) else told[0]["text"]
            content = {"type": "text", "text": said.splitlines()[-1].strip()}
        stop = "tool_use" if content["type"] == "tool_use" else "end_turn"
        return httpx2.Response(
            200,
            json={
                "id": "m", "type": "message", "role": "assistant", "model": "scripted",
                "content": [content], "stop_reason": stop, "stop_sequence": None,
                "usage": {"input_tokens": 1, "output_tokens": 1},
            },
        )  # fmt: skip


def client(command: dict[str, Any]) -> Anthropic:
    """Return a client of the real service where a key is set, else of the scripted one."""
    if os.environ.get("ANTHROPIC_API_KEY"):
        return Anthropic()
    transport = httpx2.MockTransport(ScriptedService(command))
    return Anthropic(api_key="none", http_client=httpx2.Client(transport=transport))


def main(home: str | Path = "~/.memory-example") -> list[str]:
    """Let the model write in one conversation and read in another; return the replies."""
    replies: list[str] = []
    for text, command in zip(TURNS, SCRIPT, strict=True):
        with open_memory(home, namespace="ana") as memory, client(command) as service:
            runner = service.beta.messages.tool_runner(
                model=os.environ.get("ANTHROPIC_MODEL", "claude-sonnet-5-5"), max_tokens=1000,
                tools=[MemoryTool(memory)], messages=[{"role": "user", "content": text}],
            )  # fmt: skip
            blocks = runner.until_done().content
            replies.append("".join(getattr(block, "text", "") for block in blocks))
            print(f"{text}\n    {replies[-1]}")
    return replies


if __name__ == "__main__":
    main(*sys.argv[1:])
