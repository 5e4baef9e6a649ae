"""How the results of a replay show themselves: as text, in a notebook, and as JSON."""

import html
from collections.abc import Mapping, Sequence, Set
from dataclasses import fields, is_dataclass
from typing import ClassVar

import numpy as np

from memory_core.answers import RecallResult

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


class Printed:
    """A result that reads well in a terminal and in a notebook, and that JSON can carry."""

    __slots__ = ()
    derived: ClassVar[tuple[str, ...]] = ()
    """Properties that JSON tells beside the fields."""

    def to_json(self) -> dict[str, Json]:
        """Return everything the result says, as JSON can carry it; no memory's text."""
        told = plain(self)
        return told if isinstance(told, dict) else {}

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


def plain(value: object) -> Json:
    """Return a value as JSON can carry it: values as mappings, a recall as its ranked hits."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, RecallResult):
        hits = [
            {"id": hit.id, "version": hit.version, "score": hit.score, "terms": hit.terms}
            for hit in value.hits
        ]
        return {"status": value.status, "seconds": value.seconds, "hits": plain(hits)}
    if is_dataclass(value):
        names = [each.name for each in fields(value) if each.metadata.get("json", True)]
        names += getattr(value, "derived", ())
        return {name: plain(getattr(value, name)) for name in names}
    if isinstance(value, Mapping):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, Sequence | Set):
        return [plain(part) for part in value]
    return str(value)
