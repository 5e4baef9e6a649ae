"""Ordered items in a memory: what is appended is read back, in order, exactly.

Each item is a memory. Where an item has one text that somebody said, that text is the memory's, so
it can be recalled, and the rest of the item stands in the metadata `item` around a mark. Other
items are kept as JSON, in pieces if they are long, and marked `raw`.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from memory_core import InvalidInput, Memory, MemoryCoreError, MemoryManager

MARK = {"$": 0}
LONGEST = 4_000  # bytes of the rest of an item; metadata has 8,192 in all
PIECE = 250_000  # characters; at most four bytes each, below the limit of a memory's text
_ALL = 1 << 31
_LONE = re.compile("[\ud800-\udfff]")

Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """One item to append."""

    item: Item
    said: str | None = None
    """The one text in it that somebody said, where there is one."""
    key: str | None = None
    """Appending the same key to the same log again changes nothing."""
    fields: Mapping[str, object] = field(default_factory=dict)
    """Other fields of a draft."""


class Log:
    """Ordered items of one kind, in one memory.

    Example:
        >>> from memory_core.testing import temporary_memory
        >>> with temporary_memory() as memory:
        ...     log = Log(memory, "talk")
        ...     log.append("s1", [Entry({"role": "user", "content": "hi there"}, "hi there")])
        ...     log.items("s1"), memory.recall("hi there").hits[0].memory.text
        ([{'role': 'user', 'content': 'hi there'}], 'hi there')
    """

    def __init__(self, memory: MemoryManager, kind: str, *, erase: bool = False) -> None:
        self.memory = memory
        self.kind = kind
        self._erase = erase

    def append(self, name: str, entries: Sequence[Entry]) -> None:
        """Append items in one transaction.

        Raises:
            InvalidInput: an item is not JSON.
        """
        drafts = [draft for entry in entries for draft in self._drafts(name, entry)]
        report = self.memory.store_many(drafts)
        for fault in report.errors:
            if fault.kind != "KeyReused":  # appended before, in another form
                raise InvalidInput(f"item {fault.position} was not kept: {fault.error}")

    def memories(self, name: str, limit: int | None = None) -> list[Memory]:
        """Return the memories of a log, the latest `limit` of them, oldest first."""
        where = {"metadata.log": self._digest(name)}
        return list(reversed(self.memory.list(where=where, limit=limit or _ALL)))

    def items(self, name: str, limit: int | None = None) -> list[Any]:
        """Return the items of a log, the latest `limit` of them, oldest first."""
        memories = self.memories(name, limit)
        if limit is not None and any(memory.metadata.get("continues") for memory in memories):
            return self.items(name)[-limit:]
        found: list[Any] = []
        pieces = ""
        for memory in memories:
            if memory.metadata.get("more"):
                pieces += memory.text
            else:
                found.append(_item(memory, pieces))
                pieces = ""
        return found

    def pop(self, name: str) -> Any | None:
        """Take away the last item and return it; None if there is none."""
        if not (last := self.memories(name, 1)):
            return None
        pieces = self.memories(name)[:-1] if last[0].metadata.get("continues") else []
        while pieces and pieces[-1].metadata.get("more"):
            last.insert(0, pieces.pop())
        for memory in last:
            self._remove(memory)
        return _item(last[-1], "".join(memory.text for memory in last[:-1]))

    def clear(self, name: str) -> None:
        """Take away all items of a log."""
        for memory in self.memories(name):
            self._remove(memory)

    def _drafts(self, name: str, entry: Entry) -> list[dict[str, object]]:
        about: dict[str, object] = {"log": self._digest(name), "kind": self.kind}
        key = None if entry.key is None else self._digest(f"{name}\0{entry.key}")
        rest = None if entry.said is None else _around(entry.item, entry.said)
        if rest is not None and entry.said is not None:
            metadata = {**about, "item": rest}
            return [{**entry.fields, "text": entry.said, "metadata": metadata, "key": key}]
        text = _json(entry.item)
        pieces = [text[at : at + PIECE] for at in range(0, len(text), PIECE)]
        return [
            {
                **entry.fields, "text": piece, "key": key and f"{key}:{n}",
                "metadata": {
                    **about, "raw": True, "more": n < len(pieces) - 1, "continues": n > 0,
                },
            }
            for n, piece in enumerate(pieces)
        ]  # fmt: skip

    def _digest(self, name: str) -> str:
        whole = f"{self.kind}\0{name}".encode("utf-8", "surrogatepass")
        return hashlib.sha256(whole).hexdigest()

    def _remove(self, memory: Memory) -> None:
        try:
            if self._erase:
                self.memory.erase(memory.id)
            else:
                self.memory.forget(memory.id)
        except MemoryCoreError as error:
            raise InvalidInput(f"the item {memory.id} cannot be removed: {error}") from error


def _around(item: Item, said: str) -> str | None:
    """Return the item as JSON with the mark in the place of its text, if that can be undone."""
    content = item.get("content")
    if content == said:
        rest: dict[str, Any] = {**item, "content": MARK}
    elif isinstance(content, list) and len(content) == 1 and content[0].get("text") == said:
        rest = {**item, "content": [{**content[0], "text": MARK}]}
    else:
        return None
    if not said.strip().strip("\x00") or len(said) > PIECE or _LONE.search(said):
        return None
    text = _json(rest)
    return text if len(text.encode()) <= LONGEST else None


def _item(memory: Memory, pieces: str) -> Any:
    rest = memory.metadata.get("item")
    if rest is None:
        return json.loads(pieces + memory.text)
    item = json.loads(str(rest))
    if item["content"] == MARK:
        item["content"] = memory.text
    else:
        item["content"][0]["text"] = memory.text
    return item


def _json(value: object) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False)
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"the item is not JSON: {error}; append only JSON items") from error
    return text
