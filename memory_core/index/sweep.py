"""Erasure in the derived copies: every file that may hold an erased vector is gone on return.

Scan files and quarantines are removed here. A Chroma directory belongs to its owner, which sees
the generation rise, closes it and begins anew; this waits for that, and removes what nobody owns
or what a stuck owner does not give up. Nothing is kept aside: that would be a copy.
"""

import logging
import time
from collections.abc import Callable
from pathlib import Path

from memory_core.errors import StoreBusy
from memory_core.index.owner import Lease
from memory_core.index.place import Place, generation_of, lock_of, remove

logger = logging.getLogger(__name__)

PATIENCE = 10.0
"""Seconds that an owner has to close its index; it looks twice a second."""
_STEP = 0.02


def sweep(place: Place, generation: int, wake: Callable[[], None] = lambda: None) -> None:
    """Remove every derived copy of the namespace made before `generation`.

    Args:
        place: of the namespace; copies under other fingerprints go as well.
        generation: the journal's, after the erasure.
        wake: tells this process's own index thread to look.
    """
    for scan in place.scans():
        _under_lease(scan)
    for stray in place.directory.glob(f"scan-{place.uid}-*.tmp"):
        remove(stray)
    wake()
    for chroma in place.chromas():
        _give_up(chroma, generation if chroma.name.startswith(place.chroma.name) else None)
    for aside in place.quarantines():
        remove(aside)


def remove_copies(place: Place) -> None:
    """Remove the derived copies under one fingerprint, which is not used any more."""
    if place.scan.exists():
        _under_lease(place.scan)
    if place.chroma.exists():
        _give_up(place.chroma, None)
    remove(place.building)


def _under_lease(path: Path) -> None:
    lease = Lease(lock_of(path))
    try:
        with lease.waiting(PATIENCE):
            remove(path)
    except StoreBusy:
        logger.warning("%s is removed while process %s holds it", path.name, lease.holder())
        remove(path)


def _give_up(path: Path, generation: int | None) -> None:
    """Wait until a directory is begun anew; under another fingerprint any later one will do."""
    seen = generation_of(path)
    lease = Lease(lock_of(path))
    until = time.monotonic() + PATIENCE
    while path.exists():
        now = generation_of(path)
        if now == generation or (generation is None and now != seen):
            break
        try:
            lease.acquire()
        except StoreBusy:
            if time.monotonic() < until:
                time.sleep(_STEP)
                continue
            logger.warning("%s is removed: process %s does not close it", path, lease.holder())
        remove(path)
    lease.release()
