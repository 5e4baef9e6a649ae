"""Two thin readers over apsw, so that values read from SQL are typed where they are used."""

from typing import Any

import apsw

Values = tuple[object, ...]


def rows(connection: apsw.Connection, statement: str, values: Values = ()) -> list[tuple[Any, ...]]:
    """Return every row of a query."""
    return connection.execute(statement, values).fetchall()


def one(connection: apsw.Connection, statement: str, values: Values = ()) -> tuple[Any, ...] | None:
    """Return the first row of a query, or None."""
    return connection.execute(statement, values).fetchone()
