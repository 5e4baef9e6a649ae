"""Files beside texts: what a draft carries is on disk before an entry speaks of it."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path

from memory_core.embed.base import modalities_of
from memory_core.errors import InvalidMedia, MemoryCoreError, StoreReadOnly
from memory_core.journal.journal import Journal
from memory_core.journal.media import digests
from memory_core.media import Media
from memory_core.parts import Parts
from memory_core.types import Draft

logger = logging.getLogger(__name__)

_KINDS = ("image", "audio")


@contextmanager
def attached(parts: Parts, drafts: Sequence[Draft]) -> Iterator[list[Media | None]]:
    """Keep the files of drafts, for as long as the commit takes that speaks of them.

    Raises:
        InvalidMedia: one is not what it was when its draft was made, or has no text beside it
            and the model does not take its kind.
        NotStored, StoreReadOnly: they cannot be written.
    """
    if not any(draft.attachment for draft in drafts):
        yield [None] * len(drafts)
        return
    for draft in drafts:
        _require_findable(parts, draft)
    if parts.journal.database.readonly:
        raise StoreReadOnly(f"{parts.journal.home} is read-only; nothing can be written to it")
    try:
        with parts.journal.media.adding() as keep:
            yield [keep(*one) if (one := draft.attachment) else None for draft in drafts]
    except BaseException:
        sweep_if_due(parts.journal)
        raise


def sweep(journal: Journal, patience: float = 0.0) -> int:
    """Remove files that no entry speaks of; return how many.

    Raises:
        StoreBusy, OSError: see `MediaFiles.sweep`.
    """

    def kept() -> set[str]:
        with journal.database.read() as connection:
            return digests(connection, journal.identity.ns_id)

    return journal.media.sweep(kept, patience)


def as_paths(fields: Mapping[str, object]) -> dict[str, object]:
    """Return fields with a file that a Python caller names by a string as its path."""
    return {
        name: Path(value) if name in _KINDS and isinstance(value, str | PathLike) else value
        for name, value in fields.items()
    }


def _require_findable(parts: Parts, draft: Draft) -> None:
    """Refuse a file that no search could ever find."""
    if draft.text or draft.attachment is None:
        return
    kind = draft.attachment[1]
    able = modalities_of(parts.embedder)
    if kind not in able:
        raise InvalidMedia(
            f"{kind} without a text, and {parts.embedder.fingerprint.model!r} takes "
            f"{', '.join(sorted(able))} only; give it a text, or use a model that takes {kind}"
        )


def sweep_if_due(journal: Journal) -> None:
    """Remove what a crash or a failed store left, unless somebody adds: then it is for the next."""
    try:
        if journal.media.due:
            sweep(journal)
    except (MemoryCoreError, OSError) as error:
        logger.info("files that no entry speaks of are not swept: %s", type(error).__name__)
