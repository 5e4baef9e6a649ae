"""The typed filter language of `recall(where=…)`: parsed once, before anything runs.

    {"role": "user", "metadata.project": {"$in": ["a", "b"]}, "$not": {"session": "s1"}}

    filter     = all of its pairs
    pair       = field: value | field: {operator: value, …} | "$and"/"$or": [filter, …]
               | "$not": filter
    field      = a column below, or "metadata.<key>"
    operator   = $eq $ne $gt $gte $lt $lte $in $nin $contains $exists

An absent value satisfies `$ne`, `$nin` and `{"$exists": false}` and nothing else. On list metadata
`$eq`, `$in` and `$contains` look at the elements. An unknown field, operator or value type is an
error: a filter that silently matches everything is how tenants leak.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from memory_core import limits
from memory_core.errors import InvalidFilter, InvalidInput
from memory_core.limits import Scalar
from memory_core.types import to_micros

Operator = Literal[
    "$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$contains", "$exists"
]
OPERATORS: tuple[Operator, ...] = (
    "$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$contains", "$exists",
)  # fmt: skip
TEXT_FIELDS = (
    "id",
    "kind",
    "role",
    "speaker",
    "session",
    "source",
    "trust",
    "subject",
    "attribute",
    "writer",
)
TIME_FIELDS = ("occurred_at", "stored_at", "valid_from", "valid_to")
NUMBER_FIELDS = ("importance", "reinforced")
METADATA_PREFIX = "metadata."
MAX_NODES = 64
MAX_VALUES = 10_000  # all lists of a filter together: SQLite binds 32,766 values at most

Where = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Test:
    """One comparison of a field with a value; times as microseconds since 1970."""

    field: str
    operator: Operator
    value: Scalar | tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Filters joined by and, by or, or negated (`not` has one member)."""

    join: Literal["and", "or", "not"]
    members: tuple["Filter", ...]


Filter = Test | Group


def parse_filter(where: Where) -> Filter:
    """Return the checked filter.

    Raises:
        InvalidFilter: naming the field, operator or value that is wrong.
    """
    parsed = _group(where, "where")
    if (nodes := _nodes(parsed)) > MAX_NODES:
        raise InvalidFilter(f"where has {nodes} conditions, the limit is {MAX_NODES}; simplify it")
    if (values := _values(parsed)) > MAX_VALUES:
        raise InvalidFilter(
            f"where lists {values:,} values, the limit is {MAX_VALUES:,}; split the question, or "
            "mark those memories by a metadata field and filter by that"
        )
    return parsed


def filter_data(node: Filter) -> list[object]:
    """Return a filter as JSON can carry it: [field, operator, value] or [join, [members]]."""
    if isinstance(node, Group):
        return [node.join, [filter_data(member) for member in node.members]]
    value = list(node.value) if isinstance(node.value, tuple) else node.value
    return [node.field, node.operator, value]


def filter_of(data: Sequence[Any]) -> Filter:
    """Return the filter that `filter_data` wrote."""
    if len(data) == 2:
        return Group(data[0], tuple(filter_of(member) for member in data[1]))
    field, operator, value = data
    return Test(field, operator, tuple(value) if isinstance(value, list) else value)


def _group(where: object, place: str, depth: int = 0) -> Filter:
    if not isinstance(where, Mapping):
        raise InvalidFilter(f"{place} is {type(where).__name__}; pass a mapping of fields")
    if not where:
        raise InvalidFilter(f"{place} is empty; leave the filter out to match everything")
    if depth > 8:
        raise InvalidFilter(f"{place} is nested more than 8 deep; flatten it")
    members: list[Filter] = []
    for name, value in where.items():
        members.extend(_pair(name, value, place, depth))
    return members[0] if len(members) == 1 else Group("and", tuple(members))


def _pair(name: object, value: object, place: str, depth: int) -> list[Filter]:
    if name == "$not":
        return [Group("not", (_group(value, f"{place}.$not", depth + 1),))]
    if name in ("$and", "$or"):
        if not isinstance(value, list | tuple) or not value:
            raise InvalidFilter(f"{place}.{name} needs a list of filters; give it at least one")
        parts = tuple(_group(v, f"{place}.{name}[{n}]", depth + 1) for n, v in enumerate(value))
        return [Group("and" if name == "$and" else "or", parts)]
    field = _field(name, place)
    if not isinstance(value, Mapping):
        return [_test(field, "$eq", value)]
    if not value:
        raise InvalidFilter(f"{place}.{field} has no operator; use one of {', '.join(OPERATORS)}")
    return [_test(field, operator, operand) for operator, operand in value.items()]


def _field(name: object, place: str) -> str:
    if isinstance(name, str):
        if name in TEXT_FIELDS or name in TIME_FIELDS or name in NUMBER_FIELDS:
            return name
        if name.startswith(METADATA_PREFIX) and len(name) > len(METADATA_PREFIX):
            try:
                return limits.check_unicode(name, place)
            except InvalidInput as error:
                raise InvalidFilter(str(error)) from error
    known = ", ".join((*TEXT_FIELDS, *TIME_FIELDS, *NUMBER_FIELDS, "metadata.<key>"))
    raise InvalidFilter(f"{place}: unknown field {limits.shown(name)}; use one of {known}")


def _test(field: str, operator: object, value: object) -> Test:
    if not isinstance(operator, str) or operator not in OPERATORS:
        raise InvalidFilter(
            f"{field}: unknown operator {limits.shown(operator)}; use one of {', '.join(OPERATORS)}"
        )
    if operator == "$exists":
        if not isinstance(value, bool):
            raise InvalidFilter(f"{field}: $exists takes true or false, got {limits.shown(value)}")
        return Test(field, "$exists", value)
    if operator == "$contains" and not field.startswith(METADATA_PREFIX):
        raise InvalidFilter(f"{field}: $contains is for list metadata; use $eq or $in")
    if operator in ("$in", "$nin"):
        if not isinstance(value, list | tuple | set | frozenset) or not value:
            raise InvalidFilter(f"{field}: {operator} takes a non-empty list; pass one")
        return Test(field, operator, tuple(_scalar(field, item) for item in value))
    return Test(field, operator, _scalar(field, value))


def _scalar(field: str, value: object) -> Scalar:
    try:
        if field in TIME_FIELDS:
            return to_micros(limits.check_time(value, field))  # type: ignore[arg-type]
        if field in TEXT_FIELDS:
            return limits.check_name(value, field)
        if field in NUMBER_FIELDS:
            return _number(field, value)
        (checked,) = limits.check_metadata({field: value}).values()
    except InvalidInput as error:
        raise InvalidFilter(f"where.{field}: {error}") from error
    if isinstance(checked, list):
        raise InvalidFilter(f"where.{field}: compare with one value, or use $in with a list")
    return checked


def _number(field: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise InvalidInput(f"{field} takes a number, got {limits.shown(value)}; pass one")
    if isinstance(value, int) and abs(value) > limits.MAX_INTEGER:
        raise InvalidInput(f"{field} takes a number within 64 bits; pass a smaller one")
    return value


def _values(node: Filter) -> int:
    if isinstance(node, Group):
        return sum(_values(member) for member in node.members)
    return len(node.value) if isinstance(node.value, tuple) else 1


def _nodes(node: Filter) -> int:
    return 1 if isinstance(node, Test) else 1 + sum(_nodes(member) for member in node.members)
