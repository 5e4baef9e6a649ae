"""The directory that a store lives in: private, and really a directory."""

import os
import stat
from pathlib import Path

from memory_core.errors import InvalidInput, NotFound, StoreError

JOURNAL = "journal.db"


def home_of(home: object) -> Path:
    """Return the directory that a caller names, with `~` expanded.

    Raises:
        InvalidInput: not a path, or a blank one: that would be the working directory.
        StoreError: the system can have no such path.
    """
    if not isinstance(home, str | os.PathLike) or not str(home).strip():
        told = "blank" if isinstance(home, str) else f"{type(home).__name__}, not a path"
        raise InvalidInput(f"home is {told}; pass the directory of the store")
    try:
        path = Path(home).expanduser()
        path.is_dir()
    except (OSError, RuntimeError, ValueError, TypeError) as error:
        raise StoreError(f"{str(home)!r} is no usable path: {error}; choose another") from error
    return path


def require_store(home: Path) -> None:
    """Refuse a home that opening would make.

    Raises:
        NotFound: there is no store.
    """
    if not home.is_file() and not (home / JOURNAL).exists():
        raise NotFound(f"no store in {home}; check the path, or store something there first")


def check_home(home: Path, readonly: bool) -> None:
    """Make the home a private directory, or say why it cannot be one.

    Raises:
        StoreError: it is a file, a symbolic link's broken target, or open to other users.
        PermissionError: it cannot be created.
    """
    try:
        there = home.exists()
    except (OSError, ValueError) as error:
        raise StoreError(f"{str(home)!r} is no usable path: {error}; choose another") from error
    if there and not home.is_dir():
        raise StoreError(f"{home} is a file, not a directory; choose another home")
    if not there:
        if readonly:
            raise StoreError(f"{home} does not exist; create it or choose another home")
        _made(home)
    if not readonly and (home.stat().st_mode & stat.S_IWOTH):
        raise StoreError(f"{home} can be written by every user; run: chmod 700 {home}")


def _made(home: Path) -> None:
    try:
        home.mkdir(parents=True, mode=0o700)
    except PermissionError:
        raise
    except (OSError, ValueError) as error:
        raise StoreError(f"{str(home)!r} cannot be made: {error}; choose another home") from error
