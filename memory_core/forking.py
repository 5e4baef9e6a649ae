"""Objects with locks that a fork may catch locked: the child gets them open.

A forked child has one thread; a lock that another thread of the parent held is locked for ever
there. What such an object holds beside its lock it must tell apart by its process id. SQLite
keeps books of its locks in the process, so a database also holds still while the fork happens.
"""

import os
import weakref
from typing import Protocol


class Forked(Protocol):
    """Something with locks."""

    def after_fork(self) -> None:
        """Make the locks anew; called in the child, where nobody else runs."""
        ...


class Still(Forked, Protocol):
    """Something that must not be in the middle of its work when the process is copied."""

    def before_fork(self) -> None:
        """Wait until nothing is going on, and let nothing begin."""
        ...

    def in_parent(self) -> None:
        """Go on."""
        ...


_kept: "weakref.WeakSet[Forked]" = weakref.WeakSet()
_still: "weakref.WeakSet[Still]" = weakref.WeakSet()
_holding: list[Still] = []


def keep_open(item: Forked) -> None:
    """Have `item.after_fork()` called in every child that is forked while it lives."""
    _kept.add(item)


def hold_still(item: Still) -> None:
    """Have the item stopped before a fork, go on in the parent, and start anew in the child."""
    _still.add(item)


def _before() -> None:
    _holding[:] = list(_still)
    for item in _holding:
        item.before_fork()


def _in_parent() -> None:
    for item in _holding:
        item.in_parent()
    _holding.clear()


def _in_child() -> None:
    _holding.clear()
    for item in [*_still, *_kept]:
        item.after_fork()


os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
