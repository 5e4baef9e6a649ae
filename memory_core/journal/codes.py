"""Small integers for the words that every version carries; positions never change."""

from typing import get_args

from memory_core.types import Kind, Source, State, Trust

KINDS: tuple[Kind, ...] = get_args(Kind)
SOURCES: tuple[Source, ...] = get_args(Source)
STATES: tuple[State, ...] = tuple(State)
TRUSTS: tuple[Trust, ...] = tuple(Trust)

CONSOLIDATED = "consolidated:"
"""What the key of a memory begins with that consolidation made."""
NEVER = 2**62
"""A store or world time later than all others."""

CODE: dict[str, dict[str, int]] = {
    "kind": {word: code for code, word in enumerate(KINDS)},
    "source": {word: code for code, word in enumerate(SOURCES)},
    "state": {word: code for code, word in enumerate(STATES)},
    "trust": {word: code for code, word in enumerate(TRUSTS)},
}
"""Word -> code, by column."""
