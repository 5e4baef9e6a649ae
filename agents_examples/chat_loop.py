"""A chat loop with memory, for any OpenAI-compatible model.

hooks = MemoryHooks(open_memory("~/.my-agent", namespace="ana"), session="2026-03-14")
turn = hooks.before_turn(messages)            # messages end with the user's
reply = model(turn.messages)                  # the recalled records stand in them
hooks.after_turn(text, reply)                 # both sides are stored
hooks.end_session()
"""

import sys
from collections.abc import Iterable
from pathlib import Path

from agents_examples.model import answer
from memory_core import MemoryHooks, MemoryManager, open_memory

SESSIONS = (
    ("My flight to Porto leaves at 9:40 on Friday", "I am allergic to walnuts"),
    ("When does my flight leave?", "What am I allergic to?"),
)


def chat(memory: MemoryManager, session: str, lines: Iterable[str]) -> list[str]:
    """Hold one conversation and return the replies."""
    hooks = MemoryHooks(memory, session=session)
    messages: list[dict[str, object]] = [{"role": "system", "content": "You help Ana."}]
    replies: list[str] = []
    for text in lines:
        messages.append({"role": "user", "content": text})
        turn = hooks.before_turn(messages)
        reply = answer(turn.messages)
        hooks.after_turn(text, reply)
        messages.append({"role": "assistant", "content": reply})
        replies.append(reply)
        print(f"{text}\n    {reply}   [{turn.status}, cache kept {turn.cache_prefix_kept:.0%}]")
    hooks.end_session()
    return replies


def main(home: str | Path = "~/.memory-example") -> None:
    """Hold two conversations, or one with you on a terminal."""
    with open_memory(home, namespace="ana") as memory:
        if sys.stdin.isatty():
            chat(memory, "terminal", iter(lambda: input("> "), ""))
            return
        for n, lines in enumerate(SESSIONS):
            chat(memory, f"s{n + 1}", lines)


if __name__ == "__main__":
    main(*sys.argv[1:])
