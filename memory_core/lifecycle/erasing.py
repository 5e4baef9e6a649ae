"""Erasure by subject, session, writer, source or filter, and of a whole namespace.

Every version counts: a memory that ever passed the filter is erased, in whatever state it is now,
and so is what was derived from it.
"""

from memory_core.errors import InvalidInput
from memory_core.filters import Where, parse_filter
from memory_core.journal.where import matching_numbers
from memory_core.manager import MemoryManager
from memory_core.types import Receipt


def doomed_ids(manager: MemoryManager, where: Where | None) -> tuple[str, ...]:
    """Return the memories that `erase_where` would erase, apart from what was derived from them.

    Raises:
        InvalidFilter: naming what is wrong with the filter.
    """
    return tuple(f"{number:016x}" for number in _numbers(manager, where))


def erase_where(manager: MemoryManager, where: Where) -> tuple[Receipt, ...]:
    """Erase every memory that ever passed a filter, and what was derived from them.

    Args:
        manager: whose memories.
        where: such as `{"subject": "Ana"}` or `{"session": "s1"}`; never empty.

    Raises:
        InvalidFilter: naming what is wrong with the filter.
        InvalidInput: the filter is empty; `erase_namespace` is the verb for everything.
    """
    if not where:
        raise InvalidInput("an empty filter means everything; call erase_namespace for that")
    session = where["session"] if set(where) == {"session"} else None
    if isinstance(session, str):
        manager.parts.erase.drop_recordings(session)
    return manager.parts.erase(_numbers(manager, where))


def erase_namespace(manager: MemoryManager) -> tuple[Receipt, ...]:
    """Erase every memory and every recording of the manager's namespace; no other is touched."""
    manager.parts.erase.drop_recordings(None)
    return manager.parts.erase(_numbers(manager, None))


def _numbers(manager: MemoryManager, where: Where | None) -> list[int]:
    parsed = None if where is None else parse_filter(where)
    with manager.journal.database.read() as connection:
        return matching_numbers(connection, manager.journal.identity.ns_id, parsed)
