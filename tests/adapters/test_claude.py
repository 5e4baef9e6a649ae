"""Claude Agent SDK: its own conformance suite, and its client against a scripted command line."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("claude_agent_sdk", reason="needs the extra claude")

from claude_agent_sdk import ClaudeAgentOptions, ClaudeSDKClient, Transport
from claude_agent_sdk.testing import run_session_store_conformance
from memory_adapters import log
from memory_adapters.claude import TranscriptStore, memory_hooks

from memory_core import MemoryManager, open_memory

KEY = {"project_key": "p", "session_id": "s"}


async def test_the_sdks_own_contracts_hold(tmp_path: Path) -> None:
    opened: list[MemoryManager] = []

    def fresh() -> TranscriptStore:
        home = tmp_path / str(len(opened))
        opened.append(open_memory(home, embedder="hash", recordings=False))
        return TranscriptStore(opened[-1])

    await run_session_store_conformance(fresh)
    for memory in opened:
        memory.close()
    assert len(opened) == 15


async def test_entries_are_exact_idempotent_and_come_after_a_deletion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "PIECE", 1_000)
    entries = [
        {"type": "user", "uuid": "1", "message": {"content": "ü \ud800 \x00"}},
        {"type": "big", "uuid": "2", "data": "x" * 3_000},
        {"type": "title", "n": 1}, {"type": "title", "n": 1},
    ]  # fmt: skip
    with open_memory(tmp_path, embedder="hash", recordings=False) as memory:
        store = TranscriptStore(memory)
        await store.append(KEY, entries)
        await store.append(KEY, entries[:2])
    with open_memory(tmp_path, embedder="hash", recordings=False) as memory:
        store = TranscriptStore(memory)
        assert await store.load(KEY) == entries
        await store.delete(KEY)
        assert await store.load(KEY) is None
        await store.append(KEY, entries[:1])
        assert await store.load(KEY) == entries[:1]


class ScriptedCommandLine(Transport):
    """Speaks the protocol of the command line: submits the prompt, calls the hooks, answers."""

    def __init__(self, prompt: str, reply: str, session: str) -> None:
        self.prompt, self.reply, self.session = prompt, reply, session
        self.added: list[str] = []
        self._out: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._answers: dict[str, asyncio.Future[Any]] = {}
        self._task: asyncio.Task[None] | None = None
        self._hooks: dict[str, Any] = {}

    async def connect(self) -> None: ...

    async def close(self) -> None:
        if self._task is not None:
            await self._task

    def is_ready(self) -> bool:
        return True

    async def end_input(self) -> None: ...

    async def write(self, data: str) -> None:
        for line in data.splitlines():
            said = json.loads(line)
            if said["type"] == "control_request":
                self._hooks = said["request"].get("hooks") or self._hooks
                answer = {"subtype": "success", "request_id": said["request_id"], "response": {}}
                await self._out.put({"type": "control_response", "response": answer})
            elif said["type"] == "control_response":
                self._answers[said["response"]["request_id"]].set_result(said["response"])
            elif said["type"] == "user":
                self._task = asyncio.create_task(self._turn())

    def read_messages(self) -> AsyncIterator[dict[str, Any]]:
        async def messages() -> AsyncIterator[dict[str, Any]]:
            while (message := await self._out.get()) is not None:
                yield message

        return messages()

    async def _turn(self) -> None:
        added = await self._hook("UserPromptSubmit", {"prompt": self.prompt})
        self.added.append(added.get("hookSpecificOutput", {}).get("additionalContext", ""))
        message = {"role": "assistant", "model": "scripted",
                   "content": [{"type": "text", "text": self.reply}]}  # fmt: skip
        await self._out.put({"type": "assistant", "message": message, "session_id": self.session})
        await self._hook("Stop", {"last_assistant_message": self.reply, "stop_hook_active": False})
        result = {
            "type": "result", "subtype": "success", "duration_ms": 1, "duration_api_ms": 1,
            "is_error": False, "num_turns": 1, "session_id": self.session, "result": self.reply,
        }  # fmt: skip
        await self._out.put(result)
        await self._out.put(None)

    async def _hook(self, event: str, given: dict[str, Any]) -> dict[str, Any]:
        (callback,) = self._hooks[event][0]["hookCallbackIds"]
        name = f"{event}-{len(self._answers)}"
        self._answers[name] = asyncio.get_running_loop().create_future()
        known = {"session_id": self.session, "hook_event_name": event, "transcript_path": "",
                 "cwd": "."}  # fmt: skip
        request = {"subtype": "hook_callback", "callback_id": callback, "tool_use_id": None,
                   "input": {**known, **given}}  # fmt: skip
        await self._out.put({"type": "control_request", "request_id": name, "request": request})
        answer = (await self._answers[name])["response"]
        return dict(answer)


async def talk(memory: MemoryManager, prompt: str, reply: str, session: str) -> list[str]:
    line = ScriptedCommandLine(prompt, reply, session)
    options = ClaudeAgentOptions(hooks=memory_hooks(memory))  # type: ignore[arg-type]
    async with ClaudeSDKClient(options=options, transport=line) as client:
        await client.query(prompt)
        async for _ in client.receive_response():
            pass
    return line.added


async def test_an_agent_knows_in_its_second_session_what_it_heard_in_the_first(
    tmp_path: Path,
) -> None:
    with open_memory(tmp_path, embedder="hash") as memory:
        added = await talk(memory, "My flight leaves at 9:40 on Friday", "Noted.", "s1")
        assert added == [""]
        assert {(m.text, m.source) for m in memory.list()} == {
            ("My flight leaves at 9:40 on Friday", "user"), ("Noted.", "assistant"),
        }  # fmt: skip
    with open_memory(tmp_path, embedder="hash") as memory:
        (added_now,) = await talk(memory, "When does my flight leave?", "At 9:40.", "s2")
        assert "9:40" in added_now
        assert {m.session for m in memory.list()} == {"s1", "s2"}
