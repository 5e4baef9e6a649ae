"""What the types alone do not say of a request, as JSON schema: blanks, ranges, filters, settings.

The library checks these by functions whose messages say what to do next. A client generator and an
outside test know only the description, so it has to draw the same line. What a schema cannot
tell is left: bytes instead of characters, `valid_from` before `valid_to`, filters nested too deep.
"""

from collections.abc import Mapping
from typing import Any

from memory_core.config import DECIDING, Settings
from memory_core.filters import METADATA_PREFIX, NUMBER_FIELDS, TEXT_FIELDS, TIME_FIELDS
from memory_core.limits import MAX_INTEGER, MAX_METADATA_KEYS, MAX_NAME_BYTES
from memory_core.replay.whatif import FIXED

Schema = dict[str, Any]

COMPONENTS = "#/components/schemas/"
VISIBLE = r"[^\s\x00]"
NAME: Schema = {
    "type": "string", "maxLength": MAX_NAME_BYTES,
    "pattern": r"^[^\x00]*[^\s\x00][^\x00]*$",
}  # fmt: skip
TIME: Schema = {"type": "string", "format": "date-time"}
SHARE: Schema = {"type": "number", "minimum": 0, "maximum": 1}
WHOLE: Schema = {"type": "integer", "minimum": -MAX_INTEGER, "maximum": MAX_INTEGER}
SCALAR: Schema = {"anyOf": [{"type": "string"}, WHOLE, {"type": "number"}, {"type": "boolean"}]}
NAMED = ("role", "speaker", "session", "subject", "attribute", "key", "writer")
FOLLOWED: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "id": {
        **dict.fromkeys(
            ("get", "history", "links", "around", "revise", "supersede", "forget", "invalidate",
             "expire", "reinforce", "erase"), ("id",),
        ),
        "link": ("source", "target"),
    },
    "recall_id": {
        **dict.fromkeys(("playback", "reexecute", "what_if", "why", "why_not"), ("recall_id",)),
        "diff": ("before", "after"),
    },
}  # fmt: skip
"""What may be done with the id that an answer holds, and where it goes: an OpenAPI link each."""
ANSWERED: Mapping[str, str] = {
    "store": "id", "supersede": "id", "revise": "id", "recall": "recall_id",
}  # fmt: skip


def narrowed(schemas: Mapping[str, Any]) -> dict[str, Any]:
    """Return the components' schemas as narrow as the checks are."""
    found = {name: dict(schema) for name, schema in schemas.items()}
    found["Draft"] = _of_draft(found["Draft"])
    for name in ("Question", "Listing"):
        where = {"anyOf": [{"$ref": f"{COMPONENTS}Filter"}, {"type": "null"}], "default": None}
        found[name]["properties"] = {**found[name]["properties"], "where": where}
    found["Otherwise"]["properties"] = {
        **found["Otherwise"]["properties"], "settings": _settings(),
    }  # fmt: skip
    found["Revision"]["properties"] = {
        **found["Revision"]["properties"], "fields": _changes(found["Draft"]),
    }  # fmt: skip
    return {**found, "Filter": _filter()}


def links_of(name: str) -> dict[str, Any]:
    """Return what may follow an operation, by its answer."""
    if (held := ANSWERED.get(name)) is None:
        return {}
    return {
        following: {
            "operationId": following,
            "parameters": {"namespace": "$request.query.namespace"},
            "requestBody": dict.fromkeys(places, f"$response.body#/{held}"),
        }
        for following, places in FOLLOWED[held].items()
    }


def _of_draft(schema: Schema) -> Schema:
    given = dict(schema["properties"])
    given["text"] = {**given["text"], "minLength": 1, "pattern": VISIBLE}
    for name in NAMED:
        given[name] = {**given[name], "anyOf": [NAME, {"type": "null"}]}
    given["importance"] = {**given["importance"], "anyOf": [SHARE, {"type": "null"}]}
    lists = [{"type": "array", "items": kind} for kind in SCALAR["anyOf"]]
    given["metadata"] = {
        "type": ["object", "null"], "propertyNames": NAME, "maxProperties": MAX_METADATA_KEYS,
        "additionalProperties": {"anyOf": [*SCALAR["anyOf"], *lists]},
    }  # fmt: skip
    return {**schema, "properties": given}


def _changes(draft: Schema) -> Schema:
    """Return the schema of what a revision may give: a draft's fields, but not its key."""
    given = {name: value for name, value in draft["properties"].items() if name != "key"}
    given |= {"occurred_at": TIME, "importance": SHARE}  # a memory always has them
    given = {
        name: {word: told for word, told in value.items() if word != "default"}
        for name, value in given.items()
    }
    return {
        "type": "object", "minProperties": 1, "additionalProperties": False, "properties": given
    }  # fmt: skip


def _settings() -> Schema:
    known = Settings.model_json_schema()["properties"]
    kept = ("type", "anyOf", "minimum", "maximum", "description")
    return {
        "type": "object", "default": {}, "additionalProperties": False,
        "description": "Settings that decide a recall.",
        "properties": {
            name: {word: known[name][word] for word in kept if word in known[name]}
            for name in DECIDING
            if name not in FIXED
        },
    }  # fmt: skip


def _filter() -> Schema:
    again = {"$ref": f"{COMPONENTS}Filter"}
    several = {"type": "array", "minItems": 1, "items": again}
    number = {"anyOf": [WHOLE, {"type": "number"}]}
    of_kind = ((TEXT_FIELDS, NAME), (TIME_FIELDS, TIME), (NUMBER_FIELDS, number))
    key = rf"^{METADATA_PREFIX.replace('.', '[.]')}[^\x00]+$"
    return {
        "type": "object", "minProperties": 1, "additionalProperties": False,
        "description": "All of its pairs; `metadata.KEY` names a value of the metadata.",
        "properties": {"$and": several, "$or": several, "$not": again},
        "patternProperties": {
            **{f"^({'|'.join(names)})$": _condition(value) for names, value in of_kind},
            key: _condition(SCALAR, "$contains"),
        },
    }  # fmt: skip


def _condition(value: Schema, *more: str) -> Schema:
    """Return the schema of what a field is compared with: a value, or operators with theirs."""
    one = dict.fromkeys(("$eq", "$ne", "$gt", "$gte", "$lt", "$lte", *more), value)
    many = {name: {"type": "array", "minItems": 1, "items": value} for name in ("$in", "$nin")}
    operators = {
        "type": "object", "minProperties": 1, "additionalProperties": False,
        "properties": {**one, **many, "$exists": {"type": "boolean"}},
    }  # fmt: skip
    return {"anyOf": [value, operators]}
