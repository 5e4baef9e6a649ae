"""Directories that outlive no process: each is locked by its maker, the next maker removes others'.

A process that is killed cannot remove what it made. Its lock goes with it, so who makes the next
directory of that name can tell what nobody works in any more.
"""

import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def temporary(parent: Path, name: str) -> Iterator[Path]:
    """Lend a new directory, and remove it afterwards, unless it was renamed.

    Args:
        parent: where to make it.
        name: its name begins with it; directories of that name whose process died are removed.

    Raises:
        OSError: it cannot be made.
    """
    _sweep(parent, name)
    while True:
        place = parent / f"{name}-{os.getpid()}-{secrets.token_hex(4)}"
        place.mkdir(parents=True, mode=0o700)
        handle = _locked(place)
        if handle is not None:
            break
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
        os.close(handle)


def _locked(place: Path) -> int | None:
    """Return the lock on a directory that was made just now; None where a sweep was faster."""
    try:
        handle = _opened(place)
    except FileNotFoundError:
        return None
    with suppress(OSError):  # a file system without locks: nobody can sweep there
        fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        if os.path.samestat(os.stat(place), os.fstat(handle)):
            return handle
    except FileNotFoundError:
        pass
    os.close(handle)
    return None


def _sweep(parent: Path, name: str) -> None:
    """Remove the directories whose makers died; what cannot be removed is for the next time."""
    ours = re.compile(re.escape(name) + r"-\d+-[0-9a-f]{8}")
    with suppress(OSError):
        for place in [path for path in parent.iterdir() if ours.fullmatch(path.name)]:
            _remove_if_dead(place)


def _remove_if_dead(place: Path) -> None:
    try:
        handle = _opened(place)
    except OSError:  # somebody else's, a link, or gone
        return
    try:
        if os.fstat(handle).st_uid == os.geteuid():
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(place, ignore_errors=True)
    except OSError:  # its maker lives
        return
    finally:
        os.close(handle)


def _opened(place: Path) -> int:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(place, flags)
