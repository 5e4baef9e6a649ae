"""What D3 lives through: an operation of several steps, in a child that dies at one of them."""

import os
import random
import signal
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memory_core.proofs.nursery import Life
from memory_core.proofs.plant import swapped

Step = tuple[Any, str, int]
"""Owner and function of the product, and which call of it; death comes before it or after it."""
Check = Callable[[bool, str], None]
"""Counts a case, and keeps the complaint if it does not hold."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One operation, its steps, and what must be true whenever it was cut short.

    Attributes:
        steps: what the child dies at.
        prepare: given an empty place and randomness, returns what `judge` has to know.
        live: runs in the child; steps count once it has set the event.
        judge: given the place, what was prepared, the child's life and where to complain; returns
            the seconds that the first opening took.
    """

    steps: tuple[Step, ...]
    prepare: Callable[[Path, random.Random], Any]
    live: Callable[[Path, threading.Event], None]
    judge: Callable[[Path, Any, Life, Check], float]

    def where(self, point: int) -> str:
        """Return what a point is called: each step has one before and one after it."""
        return f"{'after' if point % 2 else 'before'} {self.steps[point // 2][1]}"

    def live_until(self, point: int, place: Path) -> None:
        """Live in this process, which dies at that point."""
        owner, name, call = self.steps[point // 2]
        armed, honest, after = threading.Event(), vars(owner)[name], bool(point % 2)
        if isinstance(honest, classmethod):
            killer: Any = classmethod(deadly(honest.__func__, call, after=after, armed=armed))
        else:
            killer = deadly(honest, call, after=after, armed=armed)
        with ExitStack() as stack:
            stack.enter_context(swapped(owner, name, killer))
            self.live(place, armed)


def deadly(
    honest: Callable[..., Any], call: int, *, after: bool, armed: threading.Event | None = None
) -> Callable[..., Any]:
    """Return a function that kills the process before or after one of its calls.

    Args:
        honest: what it does otherwise.
        call: which call; the first is 1.
        after: whether it returns before death comes.
        armed: calls before it is set do not count.
    """
    calls = 0

    def dying(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += armed is None or armed.is_set()
        if calls == call and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        returned = honest(*arguments, **named)
        if calls == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return returned

    return dying
