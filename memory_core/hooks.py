"""Two calls a turn: recall before the model speaks, store after it has.

A failing memory is logged and never breaks the agent. What was recalled into the prompt is not
stored again when the model repeats it word for word: otherwise a memory feeds on itself.
"""

import logging
from dataclasses import dataclass

from memory_core.answers import Hit
from memory_core.errors import MemoryCoreError
from memory_core.manager import MemoryManager
from memory_core.types import Memory

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Turn:
    """What the memory brings to one turn."""

    context: str
    """Text to put into the prompt; blank when nothing relevant is known."""
    hits: tuple[Hit, ...]
    recall_id: str | None
    status: str
    error: str | None = None
    """Why there is no memory this turn, if it failed."""


class MemoryHooks:
    """Store and recall for an agent loop, one conversation at a time.

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
    ) -> None:
        self.memory = memory
        self.session = session
        self._k = k
        self._token_budget = token_budget
        self._deadline_ms = deadline_ms
        self._shown: set[str] = set()

    def before_turn(self, text: str) -> Turn:
        """Return what the memory knows about the user's message."""
        try:
            result = self.memory.recall(
                text, k=self._k, token_budget=self._token_budget,
                deadline_ms=self._deadline_ms, session=self.session,
            )  # fmt: skip
        except MemoryCoreError as error:
            logger.warning("no recall this turn: %s", type(error).__name__)
            return Turn("", (), None, "failed", str(error))
        self._shown.update(_normal(hit.memory.text) for hit in result.hits)
        return Turn(result.context, result.hits, result.recall_id, result.status)

    def after_turn(self, user: str, reply: str) -> tuple[Memory, ...]:
        """Store both sides of the turn, except what only repeats a recalled memory."""
        sides = [
            {"text": user, "role": "user", "source": "user"},
            {"text": reply, "role": "assistant", "source": "assistant"},
        ]
        fresh = [
            {**side, "session": self.session}
            for side in sides
            if side["text"].strip() and _normal(side["text"]) not in self._shown
        ]
        try:
            report = self.memory.store_many(fresh)
        except MemoryCoreError as error:
            logger.error("this turn was not stored: %s", type(error).__name__)
            return ()
        for rejected in report.errors:
            logger.error("one side of this turn was not stored: %s", rejected.kind)
        return report.stored

    def end_session(self) -> None:
        """End the conversation: what was shown in it may be stored again in the next."""
        self._shown.clear()


def _normal(text: str) -> str:
    return " ".join(text.casefold().split())
