"""LangGraph's `BaseStore` over a memory: exact by key, by meaning in `search`, kept for good.

    from memory_adapters.langgraph import MemoryStore
    graph = builder.compile(store=MemoryStore(memory))

One item is one record: its text is the value as JSON, so what is got is what was put. By default
that text is also what `search(query=…)` finds. An item with `index` paths has a memory of its own
for each text at a path; only those of its present value count. `index=False` is found without a
query only. The first labels of a namespace stand in the metadata, dot-joined, since labels have no
dot: `("a",)` does not match `("ab",)`. The same class serves deepagents and LangMem.
"""

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from memory_adapters.extras import needs
from memory_adapters.shelf import Shelf, Value
from memory_core import InvalidInput, Memory, MemoryManager

with needs("langgraph", "langgraph"):
    from langgraph.store.base import (
        BaseStore,
        GetOp,
        IndexConfig,
        Item,
        ListNamespacesOp,
        MatchCondition,
        Op,
        PutOp,
        Result,
        SearchItem,
        SearchOp,
        TTLConfig,
        get_text_at_path,
        tokenize_path,
        validate_op_namespace,
    )

Namespace = tuple[str, ...]
WHOLE = "$"
MOST_HITS = 200  # of one recall


class MemoryStore(BaseStore):
    """A LangGraph store in one namespace of a memory.

    Args:
        memory: where the items are kept; its embedder is used, not that of `index`.
        index: its `fields` are the default paths of `put`; the whole value when None.
        ttl: default times to live, in minutes; expired items are not returned.
        erase: whether `delete` erases every byte, which is slower, instead of forgetting.

    Example:
        >>> from memory_core.testing import temporary_memory
        >>> with temporary_memory() as memory:
        ...     store = MemoryStore(memory)
        ...     store.put(("users", "ana"), "food", {"likes": "grilled sardines"})
        ...     store.search(("users",), query="sardines")[0].value
        {'likes': 'grilled sardines'}
    """

    supports_ttl = True

    def __init__(
        self,
        memory: MemoryManager,
        *,
        index: IndexConfig | None = None,
        ttl: TTLConfig | None = None,
        erase: bool = False,
    ) -> None:
        self.memory = memory
        self.index_config = None if index is None else dict(index)
        self.ttl_config = ttl
        self._fields = tuple((index or {}).get("fields") or (WHOLE,))
        self._records = Shelf(memory, "langgraph", erase=erase)
        self._parts = Shelf(memory, "langgraph_part", erase=erase)

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Carry out operations: reads see what was there before, of two puts the last counts."""
        given = list(ops)
        for op in given:
            validate_op_namespace(op)
        results = [self._read(op) for op in given]
        self._write({(op.namespace, op.key): op for op in given if isinstance(op, PutOp)})
        return results

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """See `batch`; runs in a thread, so the event loop stays free."""
        return await asyncio.to_thread(self.batch, list(ops))

    def _read(self, op: Op) -> Result:
        if isinstance(op, GetOp):
            return self._get(op)
        if isinstance(op, SearchOp):
            return self._search(op)
        if isinstance(op, ListNamespacesOp):
            return self._namespaces(op)
        if isinstance(op, PutOp):
            return None
        raise InvalidInput(f"unknown operation {type(op).__name__}; pass langgraph.store.base ops")

    def _get(self, op: GetOp) -> Item | None:
        found = self._records.get(_name(op.namespace, op.key))
        if found is None or _expired(found):
            return None
        if op.refresh_ttl:
            self._touch([found])
        return Item(**_item(found))

    def _search(self, op: SearchOp) -> list[SearchItem]:
        if op.limit <= 0 or op.offset < 0:
            return []
        page = slice(op.offset, op.offset + op.limit)
        found: list[tuple[Memory, float | None]]
        if op.query is None or not op.query.strip():
            found = [(record, None) for record in self._filtered(op)]
        else:
            found = self._found(op)
        chosen = found[page]
        if op.refresh_ttl:
            self._touch([record for record, _ in chosen])
        return [SearchItem(**_item(record), score=score) for record, score in chosen]

    def _filtered(self, op: SearchOp) -> list[Memory]:
        """Return the records under the prefix that pass the filter, the newest first."""
        records = self._records.every(_under(op.namespace_prefix))
        if not op.filter:
            return list(records)
        return [record for record in records if _passes(json.loads(record.text), op.filter)]

    def _found(self, op: SearchOp) -> list[tuple[Memory, float | None]]:
        """Return records by their best score, then those without one while a page is not full."""
        wanted = op.offset + op.limit
        passing = {r.metadata["item_id"]: r for r in self._filtered(op)} if op.filter else None
        if passing is not None and not passing:
            return []
        scores: dict[str, float] = {}
        versions: dict[str, object] = {}
        for memory, score in self._recalled(op, wanted, passing):
            item = str(memory.metadata["item_id"])
            if passing is not None and item not in passing:
                continue
            if score > scores.get(item, float("-inf")):
                scores[item], versions[item] = score, memory.metadata["digest"]
        known = passing if passing is not None else {}
        ranked: list[tuple[Memory, float | None]] = []
        for item, score in sorted(scores.items(), key=lambda pair: (-pair[1], pair[0])):
            record = known.get(item) or self._records.get(item)
            if record is not None and record.metadata["digest"] == versions[item]:
                ranked.append((record, score))
        if len(ranked) < wanted:
            rest = self._filtered(op) if passing is None else passing.values()
            ranked += [(r, None) for r in rest if r.metadata["item_id"] not in scores]
        return ranked

    def _recalled(
        self, op: SearchOp, wanted: int, passing: Mapping[Any, Memory] | None
    ) -> Iterator[tuple[Memory, float]]:
        """Return the indexed texts that answer the query, with their relevance."""
        under = _under(op.namespace_prefix) or {}
        shelves = {"metadata.shelf": {"$in": [self._records.name, self._parts.name]}}
        where: dict[str, object] = {**shelves, **under, "metadata.indexed": True}
        k = MOST_HITS if passing is not None else min(MOST_HITS, 4 * wanted + 16)
        for hit in self.memory.recall(op.query or "", k=k, where=where).hits:
            relevance = sum(hit.terms.values()) - sum(hit.terms.get(name, 0.0) for name in _LIFTS)
            yield hit.memory, relevance

    def _namespaces(self, op: ListNamespacesOp) -> list[Namespace]:
        found = {_named(record)[0] for record in self._records.every()}
        for condition in op.match_conditions or ():
            found = {namespace for namespace in found if _matches(condition, namespace)}
        if op.max_depth is not None:
            found = {namespace[: op.max_depth] for namespace in found}
        return sorted(found)[op.offset : op.offset + op.limit]

    def _write(self, puts: Mapping[tuple[Namespace, str], PutOp]) -> None:
        new: dict[str, Value] = {}
        parts: dict[str, Value] = {}
        for (namespace, key), op in puts.items():
            name = _name(namespace, key)
            if op.value is None:
                self._drop_parts(name)
                self._records.remove(name)
                continue
            new[name], texts = self._values(op, name)
            for n, value in enumerate(texts):
                parts[f"{name}#{n}"] = value
        if not new:
            return
        before = {name: self._records.get(name) for name in new}
        self._parts.put_many(parts)
        self._records.put_many(new)
        for name, record in before.items():
            if record is not None and not record.metadata["indexed"]:
                self._drop_parts(name, keep=sum(part.startswith(f"{name}#") for part in parts))

    def _values(self, op: PutOp, name: str) -> tuple[Value, list[Value]]:
        """Return the record of an item, and a part for each text at its paths."""
        text = _json(op.value)
        paths = self._fields if op.index is None else op.index or ()
        whole = tuple(paths) == (WHOLE,)
        prefixes = [".".join(op.namespace[:n]) for n in range(1, len(op.namespace) + 1)]
        about: dict[str, object] = {
            "item_id": name, "digest": hashlib.sha256(text.encode()).hexdigest()[:16],
            "under": prefixes,
        }  # fmt: skip
        end = None if op.ttl is None else datetime.now(UTC) + timedelta(minutes=op.ttl)
        fields = {"kind": "semantic", "source": "assistant", "valid_to": end}
        record: dict[str, object] = {
            **about, "indexed": whole, "updated_at": datetime.now(UTC).isoformat(),
        }  # fmt: skip
        if op.ttl is not None:
            record["ttl"] = float(op.ttl)
        texts = [] if whole else [t for path in paths for t in _texts(op.value or {}, path)]
        part = {**about, "indexed": True}
        return Value(text, record, fields), [Value(t, part, fields) for t in texts if t.strip()]

    def _drop_parts(self, name: str, keep: int = 0) -> None:
        while self._parts.remove(f"{name}#{keep}"):
            keep += 1

    def _touch(self, records: Sequence[Memory]) -> None:
        """Let the time to live begin anew."""
        for record in records:
            if (minutes := record.metadata.get("ttl")) is not None:
                end = datetime.now(UTC) + timedelta(minutes=float(str(minutes)))
                self.memory.revise(record.id, valid_to=end)
                for part in self._parts.every({"metadata.item_id": record.metadata["item_id"]}):
                    self.memory.revise(part.id, valid_to=end)


_LIFTS = ("recency", "importance")


def _name(namespace: Namespace, key: str) -> str:
    return json.dumps([*namespace, key])


def _named(record: Memory) -> tuple[Namespace, str]:
    *namespace, key = json.loads(str(record.metadata["item_id"]))
    return tuple(namespace), key


def _json(value: object) -> str:
    """Return a value as JSON that reads back as the same value."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        same = json.loads(text) == value
        text.encode()
    except UnicodeEncodeError:
        text = json.dumps(value)
        same = json.loads(text) == value
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"the value is not JSON: {error}; put only JSON values") from error
    if not same:
        raise InvalidInput("JSON would change the value; use string keys, and lists, not tuples")
    return text


def _texts(value: Mapping[str, Any], path: str) -> list[str]:
    return list(get_text_at_path(value, path if path == WHOLE else tokenize_path(path)))


def _under(prefix: Namespace) -> dict[str, object]:
    return {"metadata.under": {"$contains": ".".join(prefix)}} if prefix else {}


def _item(record: Memory) -> dict[str, Any]:
    namespace, key = _named(record)
    return {
        "value": json.loads(record.text),
        "key": key,
        "namespace": namespace,
        "created_at": record.stored_at,
        "updated_at": datetime.fromisoformat(str(record.metadata["updated_at"])),
    }


def _expired(record: Memory) -> bool:
    return record.valid_to is not None and record.valid_to <= datetime.now(UTC)


def _matches(condition: MatchCondition, namespace: Namespace) -> bool:
    path = tuple(condition.path)
    if len(path) > len(namespace):
        return False
    part = namespace[: len(path)] if condition.match_type == "prefix" else namespace[-len(path) :]
    return not path or all(want in ("*", have) for want, have in zip(path, part, strict=True))


_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "$eq": lambda have, want: bool(have == want),
    "$ne": lambda have, want: bool(have != want),
    "$gt": lambda have, want: float(have) > float(want),
    "$gte": lambda have, want: float(have) >= float(want),
    "$lt": lambda have, want: float(have) < float(want),
    "$lte": lambda have, want: float(have) <= float(want),
}


def _passes(have: Any, want: Any) -> bool:
    """Tell whether a value passes a filter, as PostgreSQL would compare JSON."""
    if isinstance(want, Mapping):
        if any(str(name).startswith("$") for name in want):
            return all(_compared(have, name, value) for name, value in want.items())
        return isinstance(have, Mapping) and all(
            _passes(have.get(name), value) for name, value in want.items()
        )
    if isinstance(want, list | tuple):
        return isinstance(have, list) and len(have) == len(want) and all(map(_passes, have, want))
    return bool(have == want)


def _compared(have: Any, name: str, want: Any) -> bool:
    if name not in _COMPARE:
        raise InvalidInput(f"unknown operator {name!r}; use one of {', '.join(_COMPARE)}")
    if have is None and name not in ("$eq", "$ne"):
        return False
    return _COMPARE[name](have, want)
