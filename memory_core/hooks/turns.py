"""Two calls a turn: recall before the model speaks, store after it has.

A failing memory is logged and never breaks the agent, and a deadline holds whatever hangs. What was
recalled into the prompt is not stored again, and the prompt only grows at its end.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TypeVar

from memory_core import limits
from memory_core.answers import Hit, RecallResult
from memory_core.errors import InvalidInput, NotFound
from memory_core.filters import Where
from memory_core.hooks.block import MemoryBlock, Section, change_record
from memory_core.hooks.conversation import Message, Placed, Running, last_user, text_of
from memory_core.hooks.echo import EchoGuard, Fresh, quoting, said_in
from memory_core.hooks.lanes import Lanes
from memory_core.hooks.summary import Summarise, extractive
from memory_core.hooks.tools import ToolResult, ToolResults, tool_result
from memory_core.manager import MemoryManager
from memory_core.recall.excerpt import MARK
from memory_core.types import Memory, State

logger = logging.getLogger(__name__)

T = TypeVar("T")
SECTIONS = 4  # times the budget of one section that a running block may grow to
SUMMARY = "session summary"
FEWEST = 6  # memories of a session that are worth a summary
WHOLE = 1_000  # memories of a session that a summary reads, the latest


@dataclass(frozen=True, slots=True)
class Turn:
    """What the memory brings to one turn."""

    context: str = ""
    """Text for the prompt: every section of the session so far, or of this turn for messages."""
    delta: str = ""
    """The section that is new this turn; blank when nothing new is known."""
    messages: tuple[dict[str, object], ...] = ()
    """The conversation with its sections in place, when it was given."""
    hits: tuple[Hit, ...] = ()
    recall_id: str | None = None
    status: str = "empty"
    error: str | None = None
    """Why there is no memory this turn, if it failed."""
    cache_prefix_kept: float = 1.0
    """Which share of the prompt before this one, as far as the memory wrote or saw it, this one
    begins with: 1.0 while a prompt cache can go on."""


@dataclass(slots=True)
class _Session:
    """What has to be known of the running conversation."""

    block: MemoryBlock
    running: Running
    placed: Placed = field(default_factory=Placed)
    guard: EchoGuard = field(default_factory=EchoGuard)
    changes: list[str] = field(default_factory=list)
    head: int = 0
    """The newest entry whose changes are known here."""

    def names(self, id: str) -> bool:
        """Tell whether the prompt has a record of that id: a line of another names nobody."""
        mark = f'"id":"{id}"'
        return mark in self.running.text or mark in self.placed.sections


class MemoryHooks:
    """Store and recall for an agent loop, one conversation at a time.

    Args:
        memory: where to.
        session: the conversation's name, kept with what is stored.
        k: how many memories a turn may bring.
        token_budget: most tokens of the memories that one turn brings.
        deadline_ms: most milliseconds a call may take; what is late goes on behind the agent.
        where: a filter on what may be recalled, see `memory_core.filters`.
        speaker: the user's name, kept with what the user says.
        summarise: makes the summary of a session; None for no summary.

    Raises:
        InvalidInput: an impossible name or number.

    Example:
        >>> from memory_core.testing import temporary_memory
        >>> with temporary_memory() as memory:
        ...     hooks = MemoryHooks(memory, session="s1")
        ...     _ = hooks.after_turn("My flight is at 9:40", "Noted, 9:40.")
        ...     "9:40" in hooks.before_turn("When is my flight?").context
        True
    """

    def __init__(
        self,
        memory: MemoryManager,
        *,
        session: str,
        k: int = 8,
        token_budget: int = 800,
        deadline_ms: float | None = None,
        where: Where | None = None,
        speaker: str | None = None,
        summarise: Summarise | None = extractive,
    ) -> None:
        self.memory = memory
        self.session = limits.check_name(session, "session")
        self._k = limits.check_count(k, "k", most=limits.MAX_K)
        self._budget = limits.check_count(token_budget, "token_budget")
        self._lanes = None if deadline_ms is None else Lanes(deadline_ms)
        self._deadline_ms = deadline_ms
        self._where = where
        self._speaker = None if speaker is None else limits.check_name(speaker, "speaker")
        self._summarise = summarise
        self._now = self._begun()
        self._last = Turn()
        if self._lanes is not None:
            self._lanes.warm_up(lambda: memory.recall("warm-up", k=1, record=False))

    @property
    def boundary(self) -> str:
        """The random mark in the tags `<memory-…>` around this session's sections."""
        return self._now.block.boundary.mark

    def before_turn(self, said: str | Sequence[Message]) -> Turn:
        """Return what the memory knows about the user's message.

        Args:
            said: the user's text, or the conversation with the new user message in it, as
                mappings of `role` and `content`.
        """
        failed = Turn(status="failed")
        if not isinstance(said, str):
            failed = Turn(status="failed", messages=tuple(dict(message) for message in said))
        return self._safely("recall", lambda: self._before(said), failed)

    def after_turn(
        self, user: str, reply: str, tool_results: ToolResults = ()
    ) -> tuple[Memory, ...]:
        """Store the turn in one transaction, except what only repeats a recalled memory.

        A reply that is nothing but memories is not stored; it reinforces them, since they were
        used. One with words of its own is stored and names what it repeats in metadata `quotes`.

        Args:
            user: what the user said.
            reply: what the agent answered.
            tool_results: what tools answered in between, unless `on_tool_result` had them.
        """
        given = tuple(tool_results)

        def store() -> tuple[Memory, ...]:
            user_side = {"role": "user", "source": "user", "speaker": self._speaker}
            said = self._now.guard.fresh(reply, strict=True)
            stored = self._stored(
                [
                    *self._drafts(user, user_side, strict=False),
                    *(draft for result in given for draft in self._tool_drafts(result)),
                    *self._draft(said, {"role": "assistant", "source": "assistant"}),
                ]
            )
            if not said.text.strip():
                self._used(said.quotes)
            return stored

        return self._safely("store", store, ())

    def on_tool_result(self, result: ToolResult | str) -> tuple[Memory, ...]:
        """Store what a tool answered, with source "tool"."""
        return self._safely("store", lambda: self._stored(self._tool_drafts(result)), ())

    def end_session(self) -> Memory | None:
        """End the conversation and return its summary, if it was worth one.

        What was shown in it may be stored again, and the next session has a boundary of its own.
        """
        summary = self._safely("summarise", self._summary, None)
        self._now = self._begun()
        return summary

    def _begun(self) -> _Session:
        count = self.memory.parts.count
        return _Session(
            MemoryBlock(self._budget, count),
            Running(self._budget * SECTIONS, count),
            head=self.memory.journal.head.seq,
        )

    def _before(self, said: str | Sequence[Message]) -> Turn:
        now = self._now
        text = said if isinstance(said, str) else text_of(said[last_user(said)])
        if not text.strip():
            return Turn(messages=() if isinstance(said, str) else tuple(map(dict, said)))
        if not isinstance(said, str) and (known := now.placed.again(said)) is not None:
            return replace(
                self._last, messages=now.placed.messages, context=known.text, delta="",
                cache_prefix_kept=now.placed.kept,
            )  # fmt: skip
        result = self.memory.recall(
            text, k=self._k, token_budget=self._budget, deadline_ms=self._deadline_ms,
            where=self._where, session=self.session,
        )  # fmt: skip
        if result.query.seq != now.head:
            self._follow_changes(now)
            now.head = result.query.seq
        self._last = self._turn(now, said, result)
        now.changes.clear()
        return self._last

    def _turn(self, now: _Session, said: str | Sequence[Message], result: RecallResult) -> Turn:
        def made(shown: Mapping[str, str], conversation: Sequence[str] = ()) -> Section:
            def skip(hit: Hit) -> bool:
                return hit.id in shown or said_in(hit.memory.text, conversation)

            return now.block.section(result, skip, now.changes)

        place: Running | Placed
        if isinstance(said, str):
            place = now.running
            section = place.add(made)
            context = place.text
        else:
            place = now.placed
            section = place.add(said, lambda shown: made(shown, now.placed.said))
            context = section.text
        for id, text in section.shown:
            now.guard.remember(id, text)
        return Turn(
            context,
            section.text,
            now.placed.messages if place is now.placed else (),
            result.hits,
            result.recall_id,
            result.status,
            cache_prefix_kept=place.kept,
        )

    def _follow_changes(self, now: _Session) -> None:
        """Notice what became of the memories shown, if somebody else wrote since."""
        for id, shown in {**now.placed.shown, **now.running.shown}.items():
            memory = self._known(id)
            gone = memory is None or memory.state is not State.LIVE
            if memory is None or (gone and not now.names(id)):  # no prompt shows it again
                now.running.drop()
                now.placed.drop(id)
                continue
            if gone:
                now.changes.append(change_record(id, memory.state.value))
            elif shown.strip(MARK) in memory.text:
                continue
            now.running.forget(id)
            now.placed.forget(id)

    def _known(self, id: str) -> Memory | None:
        """Return a memory in any state; None once it is erased."""
        try:
            return self.memory.get(id)
        except NotFound:
            return None

    def _drafts(
        self, text: str, side: Mapping[str, object], *, strict: bool
    ) -> list[dict[str, object]]:
        return self._draft(self._now.guard.fresh(text, strict=strict), side)

    def _draft(self, fresh: Fresh, side: Mapping[str, object]) -> list[dict[str, object]]:
        if not fresh.text.strip():
            return []
        return [quoting({"text": fresh.text, **side, "session": self.session}, fresh.quotes)]

    def _used(self, ids: Sequence[str]) -> None:
        for id in ids:
            with suppress(NotFound, InvalidInput):  # erased or forgotten since it was shown
                self._follow(self.memory.reinforce(id))

    def _tool_drafts(self, value: ToolResult | str) -> list[dict[str, object]]:
        result = tool_result(value)
        side = {"role": "tool", "source": "tool", "speaker": result.name}
        return self._drafts(result.text, side, strict=True)

    def _stored(self, drafts: Sequence[Mapping[str, object]]) -> tuple[Memory, ...]:
        report = self.memory.store_many(drafts)
        for memory in report.stored:
            self._follow(memory)
        for rejected in report.errors:
            logger.error("one part of this turn was not stored: %s", rejected.kind)
        return report.stored

    def _follow(self, written: Memory) -> None:
        """Move on with an own write; where somebody else wrote in between, it stays behind."""
        self._now.head += written.version == self._now.head + 1

    def _summary(self) -> Memory | None:
        if self._summarise is None:
            return None
        said = self.memory.list(where={"session": self.session}, limit=WHOLE)
        earlier = next((m for m in said if m.attribute == SUMMARY), None)
        said = tuple(m for m in reversed(said) if m.attribute != SUMMARY)
        if len(said) < FEWEST or (earlier and earlier.version > said[-1].version):
            return None
        text = self._summarise(said)
        if not text.strip():
            return None
        fields = {"metadata": {"memories": len(said)}, "occurred_at": said[-1].occurred_at}
        if earlier:
            return self.memory.revise(earlier.id, text=text, **fields)
        return self.memory.store(
            text, kind="semantic", source="derived", session=self.session, attribute=SUMMARY,
            **fields,
        )  # fmt: skip

    def _safely(self, what: str, call: Callable[[], T], otherwise: T) -> T:
        """Return what the call returns, or `otherwise`, logged, whatever goes wrong."""
        try:
            if self._lanes is None:
                return call()
            return self._lanes.recall(call) if what == "recall" else self._lanes.store(call)
        except Exception as error:
            logger.warning("the memory did not %s this turn: %s", what, type(error).__name__)
            logger.debug("the memory did not %s this turn", what, exc_info=True)
            return (
                replace(otherwise, error=str(error)) if isinstance(otherwise, Turn) else otherwise
            )
