"""An MCP client that stores in one session of `memory mcp` and recalls in the next.

command = StdioServerParameters(command="memory", args=["--namespace", "ana", "mcp"])
async with Client(stdio_client(command)) as client:
    await client.call_tool("store", {"text": "My flight leaves at 9:40 on Friday"})
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from mcp import Client, StdioServerParameters, stdio_client

CALLS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("store", {"text": "My flight to Porto leaves at 9:40 on Friday"}),
    ("recall", {"query": "When does my flight leave?"}),
)


async def call(home: str, tool: str, arguments: dict[str, Any]) -> str:
    """Start the server, call one tool, and return what it said."""
    command = StdioServerParameters(
        command=sys.executable,
        args=["-c", "from memory_core.serve.cli import main; main()", "--home", home,
              "--namespace", "ana", "mcp"],
        env=dict(os.environ),
    )  # fmt: skip
    async with Client(stdio_client(command)) as client:
        result = await client.call_tool(tool, arguments)
    return "\n".join(getattr(block, "text", "") for block in result.content)


def main(home: str | Path = "~/.memory-example") -> list[str]:
    """Store and recall through two server processes; return what they said."""
    place = str(Path(home).expanduser())
    said = [asyncio.run(call(place, tool, arguments)) for tool, arguments in CALLS]
    for (tool, arguments), text in zip(CALLS, said, strict=True):
        print(f"{tool} {arguments}\n    {text[:200]}")
    return said


if __name__ == "__main__":
    main(*sys.argv[1:])
