"""A LangChain agent on LangGraph, with memory in every conversation.

agent = create_agent(model, middleware=[MemoryMiddleware(memory)], store=MemoryStore(memory))
agent.invoke({"messages": [("user", "When is my flight?")]}, {"configurable": {"thread_id": "s1"}})
"""

import sys
from pathlib import Path
from typing import Any

from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from memory_adapters.langchain import MemoryMiddleware
from memory_adapters.langgraph import MemoryStore

from agents_examples.model import answer
from memory_core import open_memory

_ROLES = {"human": "user", "ai": "assistant", "system": "system"}


class ExampleModel(BaseChatModel):
    """The model of the examples as LangChain wants it."""

    @property
    def _llm_type(self) -> str:
        return "example"

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        plain = [{"role": _ROLES[m.type], "content": m.text} for m in messages]
        return ChatResult(generations=[ChatGeneration(message=AIMessage(answer(plain)))])


def main(home: str | Path = "~/.memory-example") -> list[str]:
    """Tell an agent something in one thread and ask for it in another; return the replies."""
    replies: list[str] = []
    with open_memory(home, namespace="ana") as memory:
        agent = create_agent(
            ExampleModel(), middleware=[MemoryMiddleware(memory)], store=MemoryStore(memory)
        )
        for thread, text in (
            ("s1", "My flight to Porto leaves at 9:40 on Friday"),
            ("s2", "When does my flight leave?"),
        ):
            said = {"messages": [("user", text)]}
            state = agent.invoke(said, {"configurable": {"thread_id": thread}})
            replies.append(state["messages"][-1].text)
            print(f"{text}\n    {replies[-1]}")
    return replies


if __name__ == "__main__":
    main(*sys.argv[1:])
