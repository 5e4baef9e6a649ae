"""Erasure in the derived copies: every file that may hold an erased vector is gone on return.

A copy belongs to whoever holds its lease, and is never taken from a living process, however long
that one is busy: it would go on writing into files that nobody sees, or begin them anew. Its owner
sees the generation rise, closes the copy and begins anew; this waits for that a while, removes
what nobody owns, and raises where an owner was too slow, so that the erasure is not called clean.
The owner still does it, or the kernel takes its lease away and the next opening does.
"""

import logging
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from memory_core.errors import StoreBusy
from memory_core.index.owner import Lease
from memory_core.index.place import Place, generation_of, lock_of, remove

logger = logging.getLogger(__name__)

PATIENCE = 10.0
"""Seconds that an owner has to close its copy; it looks twice a second."""
_STEP = 0.02


def sweep(
    place: Place,
    generation: int,
    wake: Callable[[], None] = lambda: None,
    *,
    patience: float = PATIENCE,
) -> None:
    """Remove every derived copy of the namespace made before `generation`.

    Args:
        place: of the namespace; copies under other fingerprints go as well.
        generation: the journal's, after the erasure.
        wake: tells this process's own index thread to look.
        patience: seconds that the owners have.

    Raises:
        StoreBusy: all but what some process has not closed in time is removed; names both.
    """
    wake()
    until = time.monotonic() + patience
    ours = place.chroma.name
    for _ in range(2):  # what was being built at first may stand under its own name by now
        _each(
            [
                *(Waiting(path, until) for path in (*place.scans(), *place.unfinished_scans())),
                *(
                    Waiting(path, until, generation if path.name.startswith(ours) else None)
                    for path in place.chromas()
                ),
            ]
        )
    for aside in place.quarantines():
        remove(aside)


def remove_copies(place: Place, *, patience: float = PATIENCE) -> None:
    """Remove the derived copies under one fingerprint, which is not used any more.

    Raises:
        StoreBusy: some process has one open; it stays.
    """
    found = (place.scan, place.chroma, place.building)
    until = time.monotonic() + patience
    _each([Waiting(path, until) for path in found if path.exists()])


class Waiting:
    """One copy that is to go once it is free, or that its owner begins anew.

    Args:
        path: a file or a directory.
        until: when to give up waiting, on the monotonic clock.
        generation: what a Chroma directory may stay with; any other than now when None.
    """

    def __init__(self, path: Path, until: float, generation: int | None = None) -> None:
        self._path = path
        self._until = until
        self._generation = generation
        self._seen = generation_of(path)
        self._lease = Lease(lock_of(path))

    def end(self) -> str | None:
        """Remove the copy, or see that it was begun anew; return who is in the way."""
        try:
            while self._path.exists() and not self._renewed():
                try:
                    self._lease.acquire()
                except StoreBusy:
                    if time.monotonic() >= self._until:
                        return f"{self._path.name} (process {self._lease.holder()})"
                    time.sleep(_STEP)
                    continue
                if not self._renewed():
                    remove(self._path)
            return None
        finally:
            self._lease.release()

    def _renewed(self) -> bool:
        now = generation_of(self._path)
        return now == self._generation or (self._generation is None and now != self._seen)


def _each(copies: Iterable[Waiting]) -> None:
    held = [told for one in copies if (told := one.end()) is not None]
    if held:
        logger.warning("not closed by their owners yet: %s", ", ".join(held))
        raise StoreBusy(
            f"copies of vectors are in use: {', '.join(held)}; end that process, or open the store "
            "again later"
        )
