"""Replay: what was recalled, why, and what would have been."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from memory_core.replay.replay import Replay

__all__ = ["Replay"]


def __getattr__(name: str) -> object:
    if name != "Replay":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from memory_core.replay.replay import Replay

    return Replay
