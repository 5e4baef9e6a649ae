"""Filters as SQL over the versions: exact, bound parameters only, one namespace only."""

import apsw
import numpy as np
from numpy.typing import NDArray

from memory_core.filters import METADATA_PREFIX, Filter, Group, Test
from memory_core.journal.codes import CODE
from memory_core.journal.sql import rows

_COMPARE = {"$eq": "=", "$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}
_NEGATED = {"$ne": "$eq", "$nin": "$in"}

Clause = tuple[str, list[object]]


def matching(connection: apsw.Connection, ns_id: int, where: Filter) -> NDArray[np.int64]:
    """Return the versions of the namespace, of any age, that pass the filter, ascending."""
    clause, values = _clause(where, ns_id)
    found = rows(
        connection,
        f"SELECT version FROM memories WHERE ns_id = ? AND {clause} ORDER BY version",
        (ns_id, *values),
    )
    return np.array([row[0] for row in found], dtype=np.int64)


def matching_numbers(connection: apsw.Connection, ns_id: int, where: Filter | None) -> list[int]:
    """Return the memories of which a version, of any age and state, passes the filter."""
    clause, values = ("1", []) if where is None else _clause(where, ns_id)
    found = rows(
        connection,
        f"SELECT DISTINCT number FROM memories WHERE ns_id = ? AND {clause} ORDER BY number",
        (ns_id, *values),
    )
    return [row[0] for row in found]


def _clause(where: Filter, ns_id: int) -> Clause:
    if isinstance(where, Test):
        return _test(where, ns_id)
    parts = [_clause(member, ns_id) for member in where.members]
    values = [value for _, part in parts for value in part]
    if where.join == "not":
        return f"NOT ({parts[0][0]})", values
    return "(" + f" {where.join.upper()} ".join(text for text, _ in parts) + ")", values


def _test(test: Test, ns_id: int) -> Clause:
    if test.operator in _NEGATED:
        positive = Test(test.field, _NEGATED[test.operator], test.value)  # type: ignore[arg-type]
        return _clause(Group("not", (positive,)), ns_id)
    if test.field.startswith(METADATA_PREFIX):
        return _metadata(test, ns_id)
    if test.operator == "$exists":
        return f"{_column(test.field)} IS {'NOT ' if test.value else ''}NULL", []
    operands = test.value if isinstance(test.value, tuple) else (test.value,)
    values = [_stored(test.field, operand) for operand in operands]
    if test.operator == "$in":
        marks = ", ".join("?" * len(values))
        return f"ifnull({_column(test.field)} IN ({marks}), 0)", values
    return f"ifnull({_column(test.field)} {_COMPARE[test.operator]} ?, 0)", values


def _metadata(test: Test, ns_id: int) -> Clause:
    name = test.field.removeprefix(METADATA_PREFIX)
    inside = "SELECT facet FROM facets WHERE ns_id = ? AND name = ?"
    if test.operator == "$exists":
        return f"facet {'' if test.value else 'NOT '}IN ({inside})", [ns_id, name]
    operands = test.value if isinstance(test.value, tuple) else (test.value,)
    if test.operator in ("$in", "$eq", "$contains"):
        marks = ", ".join("?" * len(operands))
        return f"facet IN ({inside} AND value IN ({marks}))", [ns_id, name, *operands]
    kinds = "'text'" if isinstance(test.value, str) else "'integer', 'real'"
    compare = _COMPARE[test.operator]
    return (
        f"facet IN ({inside} AND typeof(value) IN ({kinds}) AND value {compare} ?)",
        [ns_id, name, *operands],
    )


def _column(field: str) -> str:
    return "number" if field == "id" else field


def _stored(field: str, value: object) -> object:
    if field == "id":
        return number_of(str(value))
    if field in CODE:
        return CODE[field].get(str(value), -1)
    return value


def number_of(identifier: str) -> int:
    """Return a memory id as the number the tables keep; -1 for what is no id."""
    if len(identifier) != 16:
        return -1
    try:
        number = int(identifier, 16)
    except ValueError:
        return -1
    return number if 0 <= number < 1 << 63 else -1
