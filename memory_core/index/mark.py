"""The mark in a Chroma directory: what it held when it was last known to be right.

    mark          position, generation, size and BLAKE2b of every file, sealed with the
                  namespace's secret; gone before the first write, back when all is quiet
    mark.opening  the same while Chroma opens the files and has not yet answered: a process that
                  dies there leaves it, and the directory is not opened again

A damaged HNSW file can kill the process that opens it, so files are compared with the mark before
Chroma sees them; the seal means that a directory planted by somebody else is never opened.
"""

import hashlib
import hmac
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from memory_core.index.place import Place

MARK = "mark"
OPENING = "mark.opening"
DATA = "data"
_BLOCK = 1 << 20


class Distrust(Exception):
    """The directory is not what was left there; the message says how."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What a directory holds."""

    name: str
    """Whose vectors: namespace, fingerprint and metric."""
    chromadb: str
    position: int
    """Rows below this number are in, erased ones excepted."""
    generation: int
    last: str
    """Digest of the last row, so that a restored backup with another future is noticed."""


def write(directory: Path, place: Place, mark: Mark) -> None:
    """Write the mark of a directory that nothing is writing to; its files become private.

    Raises:
        OSError: it cannot be written.
    """
    content = {**asdict(mark), "files": _files(directory)}
    sealed = json.dumps({**content, "seal": _seal(place, content)}, indent=1)
    fresh = directory / f"{MARK}.tmp"
    fresh.write_text(sealed, encoding="utf-8")
    fresh.chmod(0o600)
    os.replace(fresh, directory / MARK)


def read(directory: Path, place: Place) -> Mark:
    """Return the mark, if every file is as it says.

    Raises:
        Distrust: the mark is missing, not ours, or a file differs.
    """
    try:
        content = json.loads((directory / MARK).read_text(encoding="utf-8"))
        seal = content.pop("seal")
        if not hmac.compare_digest(seal, _seal(place, content)):
            raise Distrust("not sealed by this namespace")
        files = content.pop("files")
        mark = Mark(**content)
    except FileNotFoundError as error:
        raise Distrust("not closed cleanly") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Distrust("without a readable mark") from error
    found = _files(directory)
    if differing := sorted(path for path in {*files, *found} if files.get(path) != found.get(path)):
        raise Distrust(f"damaged in {differing[0].rsplit('/', 1)[-1]}")
    return mark


def _seal(place: Place, content: dict[str, object]) -> str:
    encoded = json.dumps([place.name, content], sort_keys=True).encode()
    return hashlib.blake2b(encoded, key=place.salt, digest_size=32).hexdigest()


def _files(directory: Path) -> dict[str, list[object]]:
    """Return size and digest of every file below `data`, by relative path."""
    found: dict[str, list[object]] = {}
    for path in sorted((directory / DATA).rglob("*")):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o700)
            continue
        if path.is_symlink() or not path.is_file():
            raise Distrust(f"damaged: {path.name} is no plain file")
        path.chmod(0o600)
        found[path.relative_to(directory).as_posix()] = [path.stat().st_size, _digest(path)]
    return found


def _digest(path: Path) -> str:
    state = hashlib.blake2b(digest_size=16)
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            state.update(block)
    return state.hexdigest()
