"""PydanticAI: memory as a capability of an agent.

    agent = Agent(model, capabilities=[MemoryCapability(memory)])

Before each model request the recalled records are put before the user's prompt, in that request
only; when the run has ended, the turn is stored. The conversation is the run's `conversation_id`.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from memory_adapters.conversations import Conversations
from memory_adapters.extras import needs
from memory_core import MemoryManager, ToolResult

with needs("pydantic-ai-slim", "pydantic-ai"):
    from pydantic_ai import AgentRunResult, RunContext
    from pydantic_ai.capabilities import AbstractCapability
    from pydantic_ai.messages import (
        ModelMessage,
        ModelRequest,
        ModelResponse,
        TextPart,
        ToolReturnPart,
        UserPromptPart,
    )
    from pydantic_ai.models import ModelRequestContext


class MemoryCapability(AbstractCapability[Any]):
    """Recall before each model request, store after each run.

    Args:
        memory: whose memory.
        session: the conversation's name for all runs; the run's `conversation_id` when None.
        options: what `MemoryHooks` takes: `k`, `token_budget`, `deadline_ms` and so on.
    """

    def __init__(
        self, memory: MemoryManager, *, session: str | None = None, **options: Any
    ) -> None:
        self._session = session
        self._talks = Conversations(memory, **options)

    async def before_model_request(
        self, ctx: RunContext[Any], request_context: ModelRequestContext
    ) -> ModelRequestContext:
        """Put the recalled records before the user's prompts."""
        places = [
            (n, m)
            for n, message in enumerate(request_context.messages)
            if isinstance(message, ModelRequest)
            for m, part in enumerate(message.parts)
            if isinstance(part, UserPromptPart)
        ]
        if not places:
            return request_context
        plain, where = _plain(request_context.messages)
        turn = await asyncio.to_thread(self._hooks(ctx).before_turn, plain)
        messages = list(request_context.messages)
        for (n, m), theirs, ours in zip(where, plain, turn.messages, strict=True):
            if ours["content"] != theirs["content"]:
                messages[n] = _with(messages[n], m, str(ours["content"]))
        return replace(request_context, messages=messages)

    async def after_run(
        self, ctx: RunContext[Any], *, result: AgentRunResult[Any]
    ) -> AgentRunResult[Any]:
        """Store what was said in the run."""
        new = result.new_messages()
        parts = [part for message in new for part in message.parts]
        user = "\n".join(_text(part) for part in parts if isinstance(part, UserPromptPart))
        reply = "\n".join(part.content for part in parts if isinstance(part, TextPart))
        tools = [
            ToolResult(part.model_response_str(), part.tool_name)
            for part in parts
            if isinstance(part, ToolReturnPart)
        ]
        reply = reply or (str(result.output) if result.output is not None else "")
        await asyncio.to_thread(self._hooks(ctx).after_turn, user, reply, tools)
        return result

    def _hooks(self, ctx: RunContext[Any]) -> Any:
        return self._talks.of(self._session or ctx.conversation_id or "agent")


def _plain(
    messages: Sequence[ModelMessage],
) -> tuple[list[dict[str, Any]], list[tuple[int, int]]]:
    """Return the text parts as role and content, and where each stands."""
    plain: list[dict[str, Any]] = []
    where: list[tuple[int, int]] = []
    for n, message in enumerate(messages):
        for m, part in enumerate(message.parts):
            text = _text(part)
            if text:
                role = "user" if isinstance(part, UserPromptPart) else "other"
                plain.append({"role": role, "content": text})
                where.append((n, m))
    return plain, where


def _text(part: Any) -> str:
    content = getattr(part, "content", None)
    if isinstance(content, str):
        return content
    if isinstance(part, UserPromptPart):
        return "\n".join(item for item in content or () if isinstance(item, str))
    return ""


def _with(message: ModelMessage, place: int, text: str) -> ModelMessage:
    if isinstance(message, ModelResponse):
        return message
    parts = list(message.parts)
    part = parts[place]
    others = (
        [] if isinstance(part.content, str) else [c for c in part.content if not isinstance(c, str)]
    )
    parts[place] = replace(part, content=[text, *others] if others else text)
    return replace(message, parts=parts)
