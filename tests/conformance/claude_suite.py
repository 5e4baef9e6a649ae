"""The Claude Agent SDK's own contracts for a session store."""

from pathlib import Path

from claude_agent_sdk.testing import run_session_store_conformance
from memory_adapters.claude import TranscriptStore

from memory_core import MemoryManager, open_memory


async def test_session_store_contracts(tmp_path: Path) -> None:
    opened: list[MemoryManager] = []

    def fresh() -> TranscriptStore:
        opened.append(open_memory(tmp_path / str(len(opened)), embedder="hash", recordings=False))
        return TranscriptStore(opened[-1])

    await run_session_store_conformance(fresh)
    for memory in opened:
        memory.close()
