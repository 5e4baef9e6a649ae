"""Where the derived copies of one namespace's vectors lie, and how they are put away.

    <home>/derived/scan-<uid>-<key>.f32        rows for exact scan, shared by processes
    <home>/derived/chroma-<uid>-<key>/         embedded Chroma: generation, mark, data/
    <home>/derived/chroma-<uid>-<key>.new/     the same while it is built
    <home>/derived/sparse-<uid>-<key>.bin      learned sparse vectors, see `index.sparse`
    <home>/derived/quarantine-<kind>-<uid>-<key>  the last damaged one, for looking at

`uid` is the namespace's random id, `key` a hash of fingerprint and metric: no name of a namespace
or model is on disk, and no two share a file. Quarantines go with the first erasure.
"""

import hashlib
import logging
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from memory_core.journal.entries import Namespace
from memory_core.metric import Metric

logger = logging.getLogger(__name__)

GENERATION = "generation"
"""File in a Chroma directory: how often the journal had erased when it was begun."""


@dataclass(frozen=True, slots=True)
class Place:
    """The names of one namespace's copies under one fingerprint and metric."""

    directory: Path
    uid: str
    key: str
    salt: bytes
    """The namespace's secret: what is sealed with it was written by a holder of the journal."""

    @classmethod
    def of(cls, home: Path, namespace: Namespace, digest: str, metric: Metric) -> "Place":
        """Return the place of a namespace's vectors under a fingerprint digest."""
        named = f"{digest} {metric}".encode()
        key = hashlib.blake2b(named, key=namespace.uid, digest_size=8).hexdigest()
        return cls(home / "derived", namespace.uid.hex(), key, namespace.salt)

    @property
    def name(self) -> str:
        """What tells this copy from any other."""
        return f"{self.uid}-{self.key}"

    @property
    def scan(self) -> Path:
        """The mapped file of rows."""
        return self.directory / f"scan-{self.name}.f32"

    @property
    def chroma(self) -> Path:
        """The directory of the embedded Chroma."""
        return self.directory / f"chroma-{self.name}"

    @property
    def building(self) -> Path:
        """Where the next one is built, beside it."""
        return self.directory / f"chroma-{self.name}.new"

    def prepare(self) -> None:
        """Make the directory, private to the user.

        Raises:
            OSError: it cannot be made here.
        """
        self.directory.mkdir(mode=0o700, exist_ok=True)

    def set_aside(self, path: Path, reason: str, *, keep: bool) -> None:
        """Move a copy that is not to be believed to quarantine, or remove it.

        Args:
            path: a file or directory of this place; nothing happens where there is none.
            reason: why, for the log.
            keep: False where it may hold what was erased.
        """
        if not path.exists():
            return
        logger.warning("%s is %s: it is rebuilt from the journal", path.name, reason)
        kind = path.name.split("-", 1)[0]
        aside = self.directory / f"quarantine-{kind}-{self.name}"
        remove(aside)
        if keep:
            os.replace(path, aside)
        else:
            remove(path)

    def quarantines(self) -> list[Path]:
        """Return everything in quarantine, of any namespace."""
        return sorted(self.directory.glob("quarantine-*"))

    def scans(self) -> list[Path]:
        """Return the mapped files of this namespace, under any fingerprint."""
        return sorted(self.directory.glob(f"scan-{self.uid}-*.f32"))

    def unfinished_scans(self) -> list[Path]:
        """Return mapped files of this namespace that have not got their name yet."""
        return sorted(self.directory.glob(f"scan-{self.uid}-*.tmp"))

    def chromas(self) -> list[Path]:
        """Return the Chroma directories of this namespace, under any fingerprint."""
        found = self.directory.glob(f"chroma-{self.uid}-*")
        return sorted(path for path in found if path.is_dir())


def lock_of(path: Path) -> Path:
    """Return the lock file of a copy; it stays when the copy is replaced."""
    return path.with_name(path.name.split(".")[0] + ".lock")


def generation_of(chroma: Path) -> int:
    """Return the generation that a Chroma directory was begun at; -1 where it cannot be told."""
    try:
        return int((chroma / GENERATION).read_text())
    except (OSError, ValueError):
        return -1


def remove(path: Path) -> None:
    """Remove a file or a directory with all that is in it; nothing to remove is fine."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
