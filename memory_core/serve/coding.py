"""What a coding agent's hooks ask of the memory: recall at a prompt, capture at a stop.

A hook is a process of its own, so what it has to know of the conversation it reads from the
agent's transcript: which memories were shown there already, what the user said, what was answered.
An entry has a `uuid`; stored under it, a turn that is captured twice is kept once.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memory_core.errors import InvalidInput
from memory_core.hooks.block import MemoryBlock
from memory_core.hooks.echo import EchoGuard, quoting
from memory_core.manager import MemoryManager

PROMPT, STOP = "UserPromptSubmit", "Stop"
BUDGET = 800  # tokens a prompt may bring
LATEST = 4 * 1024 * 1024  # bytes of a transcript that are read, its end


@dataclass(frozen=True, slots=True)
class Said:
    """One message of a transcript."""

    role: str
    text: str
    key: str


def answered(memory: MemoryManager, event: Mapping[str, Any], deadline_ms: float) -> str:
    """Carry out one hook event of Claude Code; return what the hook prints.

    Raises:
        InvalidInput: the event is not one that was asked for.
    """
    name = event.get("hook_event_name")
    transcript = _read(event.get("transcript_path"))
    session = str(event.get("session_id") or "claude-code")
    if name == PROMPT:
        return _recalled(memory, str(event.get("prompt") or ""), transcript, deadline_ms)
    if name == STOP:
        _captured(memory, _turn(transcript, event, session), session, transcript)
        return ""
    raise InvalidInput(f"hook event {name!r} is not known; install only {PROMPT} and {STOP}")


def _recalled(memory: MemoryManager, prompt: str, transcript: str, deadline_ms: float) -> str:
    if not prompt.strip():
        return ""
    result = memory.recall(prompt, token_budget=BUDGET, deadline_ms=deadline_ms)
    block = MemoryBlock(BUDGET, memory.parts.count)
    section = block.section(result, lambda hit: hit.id in transcript)
    if not section.text:
        return ""
    added = {"hookEventName": PROMPT, "additionalContext": section.text}
    return json.dumps({"hookSpecificOutput": added})


def _captured(memory: MemoryManager, turn: Sequence[Said], session: str, transcript: str) -> None:
    """Store a turn, less what was shown in it."""
    guard = EchoGuard()
    for said in turn:
        if said.role == "user":
            for hit in memory.recall(said.text, record=False).hits:
                if hit.id in transcript:
                    guard.remember(hit.id, hit.memory.text)
    drafts = []
    for said in turn:
        fresh = guard.fresh(said.text, strict=said.role != "user")
        if fresh.text.strip():
            about = {"text": fresh.text, "role": said.role, "source": said.role}
            drafts.append(quoting({**about, "session": session, "key": said.key}, fresh.quotes))
    memory.store_many(drafts)


def _turn(transcript: str, event: Mapping[str, Any], session: str) -> list[Said]:
    """Return the last user message and what was answered."""
    messages = list(_messages(transcript.splitlines(), session))
    starts = [n for n, said in enumerate(messages) if said.role == "user"]
    turn = messages[starts[-1] :] if starts else []
    last = event.get("last_assistant_message")
    if isinstance(last, str) and last.strip() and all(said.text != last for said in turn):
        key = f"{turn[0].key if turn else session}:reply"
        turn = [*(said for said in turn if said.role == "user"), Said("assistant", last, key)]
    return turn


def _messages(lines: Iterable[str], session: str) -> Iterable[Said]:
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:  # the first line of a long transcript may be cut
            continue
        if not isinstance(entry, dict) or entry.get("isMeta") or entry.get("isSidechain"):
            continue
        role, message = entry.get("type"), entry.get("message")
        if role in ("user", "assistant") and isinstance(message, dict):
            text = _text(message.get("content"))
            if text:
                yield Said(role, text, f"claude-code:{session}:{entry.get('uuid')}"[:250])


def _text(content: object) -> str:
    if isinstance(content, str):
        return content.strip()
    parts = content if isinstance(content, list) else []
    texts = [p.get("text") for p in parts if isinstance(p, dict) and p.get("type") == "text"]
    return "\n".join(text for text in texts if isinstance(text, str)).strip()


def _read(path: object) -> str:
    """Return the end of a transcript; blank where there is none yet."""
    if not isinstance(path, str) or not (file := Path(path).expanduser()).is_file():
        return ""
    with file.open("rb") as lines:
        lines.seek(max(0, file.stat().st_size - LATEST))
        return lines.read().decode(errors="replace")
