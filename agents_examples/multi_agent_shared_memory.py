"""Two agents share one memory, and each has a private one that the other cannot see.

shared = open_memory(home, namespace="team")
planner = MemoryHooks(shared, session="planner")
worker = MemoryHooks(shared, session="worker")      # knows what the planner stored
private = open_memory(home, namespace="planner")    # a wall: the worker has no way to name it
"""

import sys
from pathlib import Path

from agents_examples.model import answer
from memory_core import MemoryHooks, MemoryManager, open_memory


class Agent:
    """An agent with a shared and a private memory."""

    def __init__(self, name: str, shared: MemoryManager, private: MemoryManager) -> None:
        self.name = name
        self.private = private
        self._hooks = MemoryHooks(shared, session=name, speaker=name)

    def hear(self, text: str) -> str:
        """Answer a message with what the team knows, and let the team know it."""
        turn = self._hooks.before_turn(text)
        reply = answer([{"role": "user", "content": f"{turn.context}\n{text}"}])
        self._hooks.after_turn(text, reply)
        print(f"{self.name}: {text}\n    {reply}")
        return reply


def main(home: str | Path = "~/.memory-example") -> list[str]:
    """Let one agent learn and another one use it; return what the second answered and saw."""
    with (
        open_memory(home, namespace="team") as shared,
        open_memory(home, namespace="planner") as first,
        open_memory(home, namespace="worker") as second,
    ):
        planner, worker = Agent("planner", shared, first), Agent("worker", shared, second)
        planner.hear("The deployment window is Thursday from 22:00 to 23:00")
        planner.private.store("I suspect that the budget will be cut")
        reply = worker.hear("When is the deployment window?")
        seen = [*shared.list(limit=100), *worker.private.list(limit=100)]
        leaked = sum("budget" in memory.text for memory in seen)
        print(f"the planner's private memories that the worker can see: {leaked}")
        return [reply, str(leaked)]


if __name__ == "__main__":
    main(*sys.argv[1:])
