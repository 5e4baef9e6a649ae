"""Which namespaces a home holds, asked by who runs the home; a manager cannot ask."""

from pathlib import Path

from memory_core.journal.database import Database
from memory_core.journal.sql import rows


def namespaces_of(home: Path) -> tuple[str, ...]:
    """Return the names of a home's namespaces, sorted; none where nothing was ever stored.

    Raises:
        StoreError: the journal cannot be read.
    """
    path = home / "journal.db"
    if not path.exists():
        return ()
    database = Database(path, readonly=True)
    try:
        with database.read() as connection:
            return tuple(
                name for (name,) in rows(connection, "SELECT name FROM namespaces ORDER BY name")
            )
    finally:
        database.close()
