"""CrewAI: a storage backend for its `Memory`, which brings vectors and does its own scoring.

    storage = CrewStorage(memory)
    crew = Crew(…, memory=Memory(storage=storage, embedder=storage.embed, llm=…))

A record is a memory: its content is the text, so all else that looks at the memory finds it
too, every version is kept, and erasing works. CrewAI's own vector stands beside it, in 4 KiB of
metadata at most, and is compared exactly. A scope matches by its parts: `/a` is not `/ab`.

Not part of the extra `frameworks`: CrewAI holds `pydantic` below 2.13 and `mcp` below 2.
"""

import asyncio
import base64
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from memory_adapters.extras import needs
from memory_adapters.shelf import Shelf, Value
from memory_core import InvalidInput, Memory, MemoryManager

with needs("crewai", "crewai"):
    from crewai.memory.storage.backend import EmbeddingDimensionMismatchError
    from crewai.memory.types import MemoryRecord, ScopeInfo

Matrix = NDArray[np.float32]
FORMS = ((768, "<f4"), (1_536, "<f2"), (3_072, "i1"))
"""Up to which dimension a vector is kept in which form: 4 KiB at most, before base64."""


class CrewStorage:
    """A CrewAI storage backend in one namespace of a memory.

    Args:
        memory: where the records are kept.
        erase: whether deleting erases every byte, which is slower, instead of forgetting.
    """

    def __init__(self, memory: MemoryManager, *, erase: bool = False) -> None:
        self.memory = memory
        self._records = Shelf(memory, "crewai", erase=erase)

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return vectors of the memory's own model: an `embedder` that needs no key."""
        vectors: Matrix = self.memory.parts.embedder.encode_documents(list(texts))
        return [[float(number) for number in vector] for vector in vectors]

    def save(self, records: Sequence[MemoryRecord]) -> None:
        """Keep records, all of them or none that is wrong.

        Raises:
            EmbeddingDimensionMismatchError: their vectors are not as long as those kept before.
            TypeError: their metadata is not JSON; CrewAI's own backends raise the same.
            InvalidInput: a content is blank, or the metadata too large.
        """
        self._check(len(record.embedding or ()) for record in records)
        self._records.put_many({record.id: _value(record) for record in records})

    def update(self, record: MemoryRecord) -> None:
        """Put a record in the place of the one with its id."""
        self.save([record])

    def get_record(self, record_id: str) -> MemoryRecord | None:
        """Return a record by its id."""
        found = self._records.get(record_id)
        return None if found is None else _record(found)

    def search(
        self,
        query_embedding: Sequence[float],
        scope_prefix: str | None = None,
        *,
        categories: Sequence[str] | None = None,
        metadata_filter: Mapping[str, Any] | None = None,
        limit: int = 10,
        min_score: float = 0.0,
    ) -> list[tuple[MemoryRecord, float]]:
        """Return the records nearest to a vector with their cosine similarity, best first."""
        self._check([len(query_embedding)])
        where = {**_where(scope_prefix, categories), "metadata.form": {"$exists": True}}
        found = self._records.every(where)
        if not found or limit < 1:
            return []
        scores = _cosines(np.stack([_vector(memory) for memory in found]), query_embedding)
        order = sorted(range(len(found)), key=lambda n: (-scores[n], found[n].id))
        hits: list[tuple[MemoryRecord, float]] = []
        for n in order:
            if scores[n] < min_score or len(hits) == limit:
                break
            record = _record(found[n])
            if _has(record, metadata_filter):
                hits.append((record, float(scores[n])))
        return hits

    def delete(
        self,
        scope_prefix: str | None = None,
        *,
        categories: Sequence[str] | None = None,
        record_ids: Sequence[str] | None = None,
        older_than: datetime | None = None,
        metadata_filter: Mapping[str, Any] | None = None,
    ) -> int:
        """Delete the records that meet every condition given; all of them without one."""
        wanted = None if record_ids is None else set(record_ids)
        gone = 0
        for record in map(_record, self._records.every(_where(scope_prefix, categories))):
            if wanted is not None and record.id not in wanted:
                continue
            if older_than is not None and _utc(record.created_at) >= _utc(older_than):
                continue
            if _has(record, metadata_filter):
                gone += self._records.remove(record.id)
        return gone

    def list_records(
        self, scope_prefix: str | None = None, limit: int = 200, offset: int = 0
    ) -> list[MemoryRecord]:
        """Return the records of a scope, the newest first."""
        if limit < 1 or offset < 0:
            return []
        found = [_record(memory) for memory in self._records.every(_where(scope_prefix))]
        found.sort(key=lambda record: _utc(record.created_at), reverse=True)
        return found[offset : offset + limit]

    def get_scope_info(self, scope: str) -> ScopeInfo:
        """Return what a scope and those below it hold."""
        records = [_record(memory) for memory in self._records.every(_where(scope))]
        times = sorted((record.created_at for record in records), key=_utc)
        path = _ancestors(scope)[-1]
        return ScopeInfo(
            path=path,
            record_count=len(records),
            categories=sorted({name for record in records for name in record.categories}),
            oldest_record=times[0] if times else None,
            newest_record=times[-1] if times else None,
            child_scopes=_children(path, (record.scope for record in records)),
        )

    def list_scopes(self, parent: str = "/") -> list[str]:
        """Return the scopes right below one."""
        scopes = (str(m.metadata["scope"]) for m in self._records.every(_where(parent)))
        return _children(_ancestors(parent)[-1], scopes)

    def list_categories(self, scope_prefix: str | None = None) -> dict[str, int]:
        """Return the categories of a scope, with how many records have each."""
        records = self._records.every(_where(scope_prefix))
        return dict(Counter(name for m in records for name in _categories(m)))

    def count(self, scope_prefix: str | None = None) -> int:
        """Return how many records a scope holds."""
        return len(self._records.every(_where(scope_prefix)))

    def reset(self, scope_prefix: str | None = None) -> None:
        """Delete all records of a scope."""
        self.delete(scope_prefix)

    async def asave(self, records: Sequence[MemoryRecord]) -> None:
        """See `save`; runs in a thread, so the event loop stays free."""
        await asyncio.to_thread(self.save, records)

    async def asearch(self, query_embedding: Sequence[float], **options: Any) -> Any:
        """See `search`."""
        return await asyncio.to_thread(self.search, query_embedding, **options)

    async def adelete(self, **conditions: Any) -> int:
        """See `delete`."""
        return await asyncio.to_thread(self.delete, **conditions)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return itself: a copied crew goes on with the same memory."""
        return self

    def _check(self, dimensions: Iterable[int]) -> None:
        """Refuse vectors of another length than those that are kept, or than each other."""
        filter_ = {"metadata.shelf": self._records.name, "metadata.dimension": {"$gt": 0}}
        kept = self.memory.list(where=filter_, limit=1)
        have = int(str(kept[0].metadata["dimension"])) if kept else 0
        for given in dimensions:
            if have and given and given != have:
                raise EmbeddingDimensionMismatchError(have, given)
            have = have or given


def _value(record: MemoryRecord) -> Value:
    about = {
        "id": record.id, "metadata": record.metadata, "source": record.source,
        "private": record.private, "created_at": record.created_at.isoformat(),
        "last_accessed": record.last_accessed.isoformat(),
    }  # fmt: skip
    metadata: dict[str, object] = {
        "scope": record.scope, "under": _ancestors(record.scope),
        "categories": list(record.categories),
        "record": json.dumps(about, ensure_ascii=False),
        **_packed(record.embedding or ()),
    }  # fmt: skip
    fields = {
        "kind": "semantic", "source": "assistant", "importance": record.importance,
        "occurred_at": _utc(record.created_at),
    }  # fmt: skip
    return Value(record.content, metadata, fields)


def _record(memory: Memory) -> MemoryRecord:
    about = json.loads(str(memory.metadata["record"]))
    vector = _vector(memory) if "form" in memory.metadata else None
    return MemoryRecord(
        content=memory.text, scope=str(memory.metadata["scope"]), categories=_categories(memory),
        importance=memory.importance, embedding=None if vector is None else vector.tolist(),
        **about,
    )  # fmt: skip


def _packed(vector: Sequence[float]) -> dict[str, object]:
    """Return a vector as metadata carries it: exactly, or rounded where it is long."""
    if not vector:
        return {"dimension": 0}
    form = next((form for most, form in FORMS if len(vector) <= most), None)
    if form is None:
        raise InvalidInput(f"a vector of {len(vector)} numbers; at most {FORMS[-1][0]} are kept")
    numbers: Matrix = np.asarray(vector, dtype=np.float32)
    if not np.isfinite(numbers).all():
        raise InvalidInput("a vector holds NaN or infinity; check the embedder")
    scale = float(np.abs(numbers).max()) / 127 if form == "i1" else 1.0
    whole = np.rint(numbers / scale) if form == "i1" and scale else numbers
    packed = base64.b64encode(whole.astype(form).tobytes()).decode()
    return {"dimension": len(vector), "form": form, "scale": scale, "vector": packed}


def _vector(memory: Memory) -> Matrix:
    raw = base64.b64decode(str(memory.metadata["vector"]))
    numbers = np.frombuffer(raw, dtype=str(memory.metadata["form"])).astype(np.float32)
    return numbers * np.float32(str(memory.metadata["scale"]))


def _cosines(vectors: Matrix, query: Sequence[float]) -> Matrix:
    asked = np.asarray(query, dtype=np.float32)
    lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(asked)
    similar = vectors @ asked / np.where(lengths > 0, lengths, 1)
    return np.asarray(similar, dtype=np.float32)


def _ancestors(scope: str) -> list[str]:
    """Return a scope and all above it, the root first: `/`, `/a`, `/a/b`."""
    parts = [part for part in scope.split("/") if part]
    return ["/", *("/" + "/".join(parts[: n + 1]) for n in range(len(parts)))]


def _where(scope: str | None, categories: Sequence[str] | None = None) -> dict[str, object]:
    where: dict[str, object] = {}
    if scope is not None and (path := _ancestors(scope)[-1]) != "/":
        where["metadata.under"] = {"$contains": path}
    if categories:
        where["metadata.categories"] = {"$in": list(categories)}
    return where


def _children(path: str, scopes: Iterable[str]) -> list[str]:
    depth = len(_ancestors(path))
    lines = (_ancestors(scope) for scope in scopes)
    return sorted({line[depth] for line in lines if len(line) > depth and line[depth - 1] == path})


def _categories(memory: Memory) -> list[str]:
    held = memory.metadata["categories"]
    return [str(name) for name in held] if isinstance(held, list) else []


def _has(record: MemoryRecord, wanted: Mapping[str, Any] | None) -> bool:
    return all(record.metadata.get(name) == value for name, value in (wanted or {}).items())


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
