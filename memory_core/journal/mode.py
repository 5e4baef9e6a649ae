"""How a journal may be written where it lies: a write-ahead log where that is safe."""

from pathlib import Path

import apsw

_BAD_WAL = ((3, 7, 0), (3, 44, 6)), ((3, 45, 0), (3, 50, 7)), ((3, 51, 0), (3, 51, 3))


def journal_mode(directory: Path) -> str:
    """Return "wal" where it is safe, else "truncate" (slower, as durable).

    WAL is refused on SQLite versions with the WAL-reset bug (fixed in 3.51.3, 3.50.7, 3.44.6)
    and on network file systems.
    """
    return "truncate" if wal_is_unsafe(apsw.sqlite_lib_version()) or remote(directory) else "wal"


def wal_is_unsafe(sqlite_version: str) -> bool:
    """Tell whether this SQLite can corrupt a WAL database under two connections."""
    found = tuple(int(part) for part in sqlite_version.split(".")[:3])
    return any(first <= found < fixed for first, fixed in _BAD_WAL)


def remote(directory: Path) -> str | None:
    """Return the name of the network file system the directory is on, or None."""
    try:
        mounts = Path("/proc/self/mounts").read_text().splitlines()
    except OSError:
        return None
    resolved, best, kind = str(directory.resolve()), "", ""
    for line in mounts:
        _, point, name, *_ = line.split(" ")
        if len(point) > len(best) and (resolved + "/").startswith(point.rstrip("/") + "/"):
            best, kind = point, name
    return kind if kind.startswith(("nfs", "cifs", "smb", "9p", "fuse.sshfs")) else None
