"""Named values in a memory: what is put under a name is what is got, exactly.

Recall is approximate; a framework's key-value store, file or conversation is not. A value is a
memory whose idempotency key is made of its name, so one indexed look-up finds it:

    key = <shelf>:<hash of the name>:<generation>

Putting again revises the memory, so its history stays. A removed value is forgotten (or erased) and
its key is used up; the next value of that name is the next generation. Generations have no gaps, so
the last one is found by doubling.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from memory_core import InvalidInput, KeyReused, Memory, MemoryManager, StoreBusy

TRIES = 16  # against other writers of the same name
SHELF = "shelf"
"""The metadata that tells which shelf a value stands on."""

Fields = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Value:
    """What is put on a shelf."""

    text: str
    """Kept byte for byte."""
    metadata: Mapping[str, object] = field(default_factory=dict)
    fields: Fields = field(default_factory=dict)
    """Other fields of a draft: session, role, valid_to and so on."""


class Shelf:
    """Named values of one kind, in one memory.

    Example:
        >>> from memory_core.testing import temporary_memory
        >>> with temporary_memory() as memory:
        ...     shelf = Shelf(memory, "notes")
        ...     _ = shelf.put("today", Value("Buy oil"))
        ...     shelf.get("today").text, shelf.get("tomorrow"), shelf.remove("today")
        ('Buy oil', None, True)
    """

    def __init__(self, memory: MemoryManager, name: str, *, erase: bool = False) -> None:
        if not name.isidentifier():
            raise InvalidInput(f"shelf name {name!r} is no identifier; use letters and _")
        self.memory = memory
        self.name = name
        self._erase = erase

    def get(self, name: str) -> Memory | None:
        """Return the memory under a name, or None; what has expired is still returned."""
        return self._last(name)[1]

    def put(self, name: str, value: Value) -> Memory:
        """Put a value under a name, in place of what stands there."""
        for _ in range(TRIES):
            generation, known = self._last(name)
            if known is not None:
                stored = self._revised(known, value)
            else:
                key = self._key(name, generation + 1)
                try:
                    stored = self.memory.store(value.text, **self._draft(value), key=key)
                except KeyReused:
                    continue
            if _there(stored) and stored.text == value.text:
                return stored
        raise StoreBusy(f"{name!r} is being written by others all the time; try again")

    def put_many(self, values: Mapping[str, Value]) -> dict[str, Memory]:
        """Put several values; those that are new are stored in one transaction."""
        new: dict[str, str] = {}
        for name in values:
            generation, known = self._last(name)
            if known is None:
                new[name] = self._key(name, generation + 1)
        drafts = [
            {"text": values[name].text, **self._draft(values[name]), "key": key}
            for name, key in new.items()
        ]
        stored = {m.key: m for m in self.memory.store_many(drafts).stored} if drafts else {}
        done = {name: stored[key] for name, key in new.items() if key in stored}
        return {
            name: found
            if (found := done.get(name)) is not None and _there(found)
            else self.put(name, value)
            for name, value in values.items()
        }

    def remove(self, name: str) -> bool:
        """Take away what stands under a name; tell whether something did."""
        _, known = self._last(name)
        if known is None:
            return False
        if self._erase:
            self.memory.erase(known.id)
        else:
            self.memory.forget(known.id)
        return True

    def every(self, where: Fields | None = None) -> Sequence[Memory]:
        """Return all values that pass the filter and have not expired, the newest first."""
        mine: dict[str, object] = {f"metadata.{SHELF}": self.name}
        return self.memory.list(where={**mine, **(where or {})}, limit=_ALL)

    def _draft(self, value: Value) -> dict[str, object]:
        return {**value.fields, "metadata": {**value.metadata, SHELF: self.name}}

    def _revised(self, known: Memory, value: Value) -> Memory:
        draft = self._draft(value)
        same = all(getattr(known, name) == wanted for name, wanted in draft.items())
        if same and known.text == value.text:
            return known
        return self.memory.revise(known.id, text=value.text, **draft)

    def _key(self, name: str, generation: int) -> str:
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
        return f"{self.name}:{digest}:{generation}"

    def _at(self, name: str, generation: int) -> tuple[bool, Memory | None]:
        """Tell whether that generation was used, and return its memory if it is there."""
        outcome = self.memory.outcome(self._key(name, generation))
        memory = outcome.memory
        return outcome.stored, memory if memory is not None and _there(memory) else None

    def _last(self, name: str) -> tuple[int, Memory | None]:
        """Return the last generation used, −1 for none, and its memory if it is there."""
        low, step, found = -1, 1, None
        while True:
            used, memory = self._at(name, low + step)
            if used:
                low, found = low + step, memory
                if memory is not None:
                    return low, memory
                step *= 2
            elif step == 1:
                return low, found
            else:
                step = 1


_ALL = 1 << 31


def _there(memory: Memory) -> bool:
    return memory.state.value == "live"
