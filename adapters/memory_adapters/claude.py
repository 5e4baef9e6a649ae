"""Claude Agent SDK: recall at prompt submission, capture at stop, and a store of transcripts.

    options = ClaudeAgentOptions(
        hooks=memory_hooks(memory), session_store=TranscriptStore(transcripts)
    )

What a prompt brings is added to the conversation, which keeps it: so only what is new is added. A
store of transcripts keeps every entry as JSON. Give it a namespace of its own, so that nobody
recalls JSON, and the hashing embedder, so that nothing is spent on embedding it:

    transcripts = open_memory(home, namespace="ana-transcripts", embedder="hash")
"""

import asyncio
import json
import logging
import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any

from memory_adapters.conversations import Conversations
from memory_adapters.extras import needs
from memory_adapters.log import Entry, Log
from memory_adapters.shelf import Shelf, Value
from memory_core import Memory, MemoryManager

with needs("claude-agent-sdk", "claude"):
    from claude_agent_sdk import HookMatcher, fold_session_summary

logger = logging.getLogger(__name__)

Key = Mapping[str, str]


def memory_hooks(memory: MemoryManager, **options: Any) -> dict[str, list[HookMatcher]]:
    """Return the `hooks` of `ClaudeAgentOptions` that give an agent this memory.

    Args:
        memory: whose memory.
        options: what `MemoryHooks` takes: `k`, `token_budget`, `deadline_ms` and so on.
    """
    talks = Conversations(memory, **options)
    prompts: dict[str, str] = {}

    async def on_prompt(given: Any, tool_use_id: str | None, context: Any) -> dict[str, Any]:
        prompts[given["session_id"]] = given["prompt"]
        hooks = talks.of(given["session_id"])
        turn = await asyncio.to_thread(hooks.before_turn, given["prompt"])
        if not turn.delta:
            return {}
        name = "UserPromptSubmit"
        return {"hookSpecificOutput": {"hookEventName": name, "additionalContext": turn.delta}}

    async def on_stop(given: Any, tool_use_id: str | None, context: Any) -> dict[str, Any]:
        said = prompts.pop(given["session_id"], "")
        reply = given.get("last_assistant_message") or ""
        await asyncio.to_thread(talks.of(given["session_id"]).after_turn, said, reply)
        return {}

    async def on_compact(given: Any, tool_use_id: str | None, context: Any) -> dict[str, Any]:
        await asyncio.to_thread(talks.of(given["session_id"]).end_session)
        return {}

    return {
        "UserPromptSubmit": [HookMatcher(hooks=[on_prompt])],
        "Stop": [HookMatcher(hooks=[on_stop])],
        "PreCompact": [HookMatcher(hooks=[on_compact])],
    }


class TranscriptStore:
    """The SDK's `SessionStore` in a memory: entries in order, exact, idempotent by `uuid`.

    Args:
        memory: where; a namespace of its own.
        erase: whether `delete` erases every byte, which is slower, instead of forgetting.
    """

    def __init__(self, memory: MemoryManager, *, erase: bool = False) -> None:
        self._log = Log(memory, "claude_transcript", erase=erase)
        self._sessions = Shelf(memory, "claude_session", erase=erase)

    async def append(self, key: Key, entries: Sequence[Mapping[str, Any]]) -> None:
        """Append entries; those whose `uuid` is known are passed over."""
        if entries:
            await asyncio.to_thread(self._append, key, list(entries))

    async def load(self, key: Key) -> list[Any] | None:
        """Return the entries in order, or None for what was never written."""
        return await asyncio.to_thread(self._load, key)

    async def list_sessions(self, project_key: str) -> list[dict[str, Any]]:
        """Return the sessions of a project with the time of their last write."""
        found = await asyncio.to_thread(self._records, project_key)
        return [{"session_id": r["session_id"], "mtime": r["mtime"]} for r in found]

    async def list_session_summaries(self, project_key: str) -> list[dict[str, Any]]:
        """Return the summaries that the SDK folded, one a session."""
        found = await asyncio.to_thread(self._records, project_key)
        return [
            {"session_id": r["session_id"], "mtime": r["mtime"], "data": r["data"]} for r in found
        ]

    async def list_subkeys(self, key: Key) -> list[str]:
        """Return the subpaths of a session."""
        found = await asyncio.to_thread(self._parts, key)
        return sorted(r["subpath"] for r in found if r["subpath"])

    async def delete(self, key: Key) -> None:
        """Delete one subpath, or a session with all of them."""
        await asyncio.to_thread(self._delete, key)

    def _append(self, key: Key, entries: Sequence[Mapping[str, Any]]) -> None:
        name = _name(key)
        before = self._record(name)
        life = before["life"] if before else secrets.token_hex(8)
        if before is None:
            self._write(name, key, {"life": life, "mtime": _now(), "data": {}})
        self._log.append(
            f"{name}{life}",
            [Entry(entry, key=entry.get("uuid"), fields={"source": "import"}) for entry in entries],
        )
        record: dict[str, Any] = {"life": life, "data": {}}
        if not key.get("subpath"):
            summary = None
            if before is not None:
                summary = {
                    "session_id": key["session_id"], "mtime": before["mtime"],
                    "data": before["data"],
                }  # fmt: skip
            record["data"] = fold_session_summary(summary, dict(key), list(entries))["data"]
        self._write(name, key, {**record, "mtime": _now()})

    def _load(self, key: Key) -> list[Any] | None:
        name = _name(key)
        record = self._record(name)
        return None if record is None else self._log.items(f"{name}{record['life']}") or None

    def _delete(self, key: Key) -> None:
        records = [self._record(_name(key))] if key.get("subpath") else self._parts(key)
        for record in records:
            if record is not None:
                self._log.clear(f"{record['name']}{record['life']}")
                self._sessions.remove(record["name"])

    def _write(self, name: str, key: Key, record: Mapping[str, Any]) -> None:
        about = {"project": key["project_key"], "session": key["session_id"]}
        whole = {**record, "name": name, "session_id": key["session_id"]}
        text = json.dumps({**whole, "subpath": key.get("subpath") or ""})
        self._sessions.put(name, Value(text, about, {"source": "import"}))

    def _record(self, name: str) -> dict[str, Any] | None:
        memory = self._sessions.get(name)
        return None if memory is None else _read(memory)

    def _records(self, project: str) -> list[dict[str, Any]]:
        found = map(_read, self._sessions.every({"metadata.project": project}))
        return [record for record in found if not record["subpath"]]

    def _parts(self, key: Key) -> list[dict[str, Any]]:
        where = {"metadata.project": key["project_key"], "metadata.session": key["session_id"]}
        return [_read(memory) for memory in self._sessions.every(where)]


def _name(key: Key) -> str:
    return json.dumps([key["project_key"], key["session_id"], key.get("subpath") or ""])


def _read(memory: Memory) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(memory.text)
    return record


def _now() -> int:
    return time.time_ns() // 1_000_000
