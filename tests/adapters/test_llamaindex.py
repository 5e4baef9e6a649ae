"""LlamaIndex: a memory block in the framework's own memory, and a retriever."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

pytest.importorskip("llama_index.core.memory", reason="needs the extra llamaindex")

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.memory import Memory
from memory_adapters.llamaindex import RecallBlock, RecallRetriever
from sqlalchemy.ext.asyncio import create_async_engine

from memory_core import MemoryManager, open_memory


@asynccontextmanager
async def chat_of(memory: MemoryManager, session: str) -> AsyncIterator[Memory]:
    engine = create_async_engine("sqlite+aiosqlite:///:memory:")
    block = RecallBlock(memory=memory, options={"k": 4})
    yield Memory.from_defaults(
        session_id=session, memory_blocks=[block], token_limit=60, chat_history_token_ratio=0.2,
        token_flush_size=10, async_engine=engine,
    )  # fmt: skip
    await engine.dispose()


async def test_a_chat_knows_in_its_second_session_what_it_heard_in_the_first(
    tmp_path: Path,
) -> None:
    with open_memory(tmp_path, embedder="hash") as memory:
        async with chat_of(memory, "s1") as chat:
            for n in range(4):
                await chat.aput(
                    ChatMessage(f"My flight TP{n} leaves at 9:4{n} on Friday", role="user")
                )
                await chat.aput(ChatMessage(f"Noted as number {n}.", role="assistant"))
            stored = {(m.text, m.source, m.session) for m in memory.list()}
            assert ("My flight TP0 leaves at 9:40 on Friday", "user", "s1") in stored
    with open_memory(tmp_path, embedder="hash") as memory:
        async with chat_of(memory, "s2") as chat:
            await chat.aput(ChatMessage("When does my flight leave?", role="user"))
            seen = "\n".join(str(message.content) for message in await chat.aget())
            assert "9:40" in seen
            assert "When does my flight leave?" in seen


async def test_a_retriever_gives_nodes(memory: MemoryManager) -> None:
    stored = memory.store("The gate code is 4471", speaker="Ana")
    memory.store("The gate is green")
    retriever = RecallRetriever(memory, k=1)
    for (node,) in (retriever.retrieve("gate code"), await retriever.aretrieve("gate code")):
        assert (node.node.node_id, node.text) == (stored.id, "The gate code is 4471")
        assert node.metadata["speaker"] == "Ana"
        assert node.score is not None
        assert node.score > 0
