"""What a planted bug is: attributes of the product, replaced for one `with` block."""

import builtins
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

Swap = tuple[Any, str, Any]
"""An owner, the name of its attribute, and what stands there while the bug is planted."""


@dataclass(frozen=True, slots=True)
class Plant:
    """One bug: which row must catch it, what it does, and how it is planted."""

    row: str
    bug: str
    swaps: Callable[[], list[Swap]]
    size: int | None = None
    """Cases to try; the row's short size when None."""


@contextmanager
def swapped(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Put `value` in the place of an attribute until the block ends.

    Raises:
        AttributeError: the product has no such name any more; the plant would change nothing.
    """
    if not hasattr(owner, name) and not hasattr(builtins, name):
        raise AttributeError(f"{owner!r} has no {name!r} to replace")
    missing = object()
    honest = vars(owner).get(name, missing)
    setattr(owner, name, value)
    try:
        yield
    finally:
        if honest is missing:
            delattr(owner, name)
        else:
            setattr(owner, name, honest)
