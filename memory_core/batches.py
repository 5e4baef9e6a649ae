"""Batches of drafts: the fsync is shared, and a bad draft is reported and stops no other."""

from collections.abc import Callable, Iterable, Mapping

from memory_core.errors import InvalidInput, KeyReused
from memory_core.parts import Parts
from memory_core.types import Draft, Drafts, Memory, Rejected, StoreReport
from memory_core.writing import store

BATCH = 256  # drafts a transaction: a reader waits for milliseconds
MOST_BYTES = 67_108_864
"""Bytes of files that drafts of one batch hold in memory, about."""


def store_many(
    parts: Parts, drafts: Drafts, progress: Callable[[int], None] | None = None
) -> StoreReport:
    """Store drafts in batches, reporting bad ones with their place instead of stopping."""
    if isinstance(drafts, str | bytes | Mapping) or not isinstance(drafts, Iterable):
        raise InvalidInput(f"drafts is {type(drafts).__name__}; pass an iterable of drafts")
    if progress is not None and not callable(progress):
        raise InvalidInput(f"progress is {type(progress).__name__}; pass a function or None")
    stored: list[Memory] = []
    errors: list[Rejected] = []
    repeated, handled, held = 0, 0, 0
    waiting: list[tuple[int, Draft]] = []
    for place, value in enumerate(drafts):
        handled = place + 1
        try:
            draft = parts.admission.admit(Draft.of(value))
            waiting.append((place, draft))
            held += weight(draft)
        except InvalidInput as error:
            errors.append(rejected(place, error))
        if len(waiting) >= BATCH or held > MOST_BYTES:
            held = 0
            repeated += _flush(parts, waiting, stored, errors)
            if progress is not None:
                progress(handled)
    repeated += _flush(parts, waiting, stored, errors)
    if progress is not None:
        progress(handled)
    ordered = sorted(errors, key=lambda error: error.position)
    return StoreReport(stored=tuple(stored), errors=tuple(ordered), repeated=repeated)


def weight(draft: Draft) -> int:
    """Return how many bytes of a file the draft holds in memory."""
    one = draft.attachment
    return len(one[0]) if one is not None and isinstance(one[0], bytes) else 0


def rejected(place: int, error: Exception) -> Rejected:
    """Return the report of one bad draft."""
    return Rejected(position=place, error=str(error), kind=type(error).__name__)


def _flush(
    parts: Parts,
    waiting: list[tuple[int, Draft]],
    stored: list[Memory],
    errors: list[Rejected],
) -> int:
    """Store what waits, one by one if the state refuses one of them; return the repeats."""
    drafts = [draft for _, draft in waiting]
    repeated = 0
    try:
        memories, repeated = store(parts, drafts) if drafts else ([], 0)
        stored.extend(memories)
    except (KeyReused, InvalidInput):
        for place, draft in waiting:
            try:
                memories, again = store(parts, [draft])
            except (KeyReused, InvalidInput) as error:
                errors.append(rejected(place, error))
            else:
                stored.extend(memories)
                repeated += again
    waiting.clear()
    return repeated
