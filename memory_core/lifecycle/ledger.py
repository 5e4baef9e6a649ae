"""The list of what was erased, kept beside each backup: a restore leaves those memories out.

One JSON line an erasure: the namespace's random id, the memory's random number, the entries that
spoke of it. It holds no word of anybody.
"""

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from memory_core.errors import InvalidInput
from memory_core.journal.copying import Erasure, erasures
from memory_core.journal.database import Database

NAME = "erased.jsonl"


def tell(place: Path, erased: Iterable[Erasure]) -> int:
    """Add to the ledger in a directory what it does not have yet; return how much that was.

    Raises:
        OSError: it cannot be written.
    """
    file = place / NAME
    known = set(read(file)) if file.exists() else set()
    fresh = [one for one in erased if one not in known]
    if fresh:
        with file.open("a", encoding="utf-8") as stream:
            for one in fresh:
                line = {"uid": one.uid, "number": one.number, "entries": list(one.entries)}
                stream.write(json.dumps(line) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
    return len(fresh)


def read(source: Path) -> Iterator[Erasure]:
    """Yield the erasures that a ledger, a directory with one, or another store's home knows.

    Raises:
        InvalidInput: it is none of these, or a line is damaged.
    """
    if (source / "journal.db").exists() and not (source / NAME).exists():
        database = Database(source / "journal.db", readonly=True)
        try:
            yield from erasures(database)
        finally:
            database.close()
        return
    file = source / NAME if source.is_dir() else source
    if not file.exists():
        raise InvalidInput(f"{source} is no ledger of erasures and no store; name one")
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        try:
            value = json.loads(line)
            yield Erasure(
                str(value["uid"]), int(value["number"]), tuple(map(int, value["entries"]))
            )
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidInput(
                f"{file}:{number} is damaged ({error}); restore it from another copy"
            ) from error
