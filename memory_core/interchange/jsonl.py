"""memory-core's own format: a header line, then one JSON object for each memory.

Lossless: every field of a memory goes out and comes back, as a draft and as its `Origin`.
A field that the format does not know is an error with its line, because dropping it would
change a memory in silence. docs/formats.md describes the format field by field.
"""

import base64
import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from pydantic import ValidationError

from memory_core.errors import InvalidInput
from memory_core.interchange.base import (
    NO_TIME,
    Origin,
    Place,
    Record,
    digest,
    fitting_name,
    key_of,
)
from memory_core.interchange.source import Item, line_items
from memory_core.limits import check_time
from memory_core.media import Media, kind_of
from memory_core.types import Draft, Link, Memory, State, input_error
from memory_core.version import __version__

NAME = "memory-core"
VERSION = 1

_HEADER_FIELDS = {"format", "version", "writer"}
_MEDIA = "media"
_DRAFT_FIELDS = frozenset(Draft.model_fields) - {"image", "audio"}
_ORIGIN_FIELDS = frozenset(Origin.model_fields) - {"closed", "attribute"}


@dataclass(frozen=True)
class Written:
    """What an export holds."""

    memories: int
    links: int
    left_out: tuple[Link, ...]
    """Links whose source was not among the memories."""


def write_jsonl(
    memories: Iterable[Memory],
    links: Iterable[Link],
    stream: TextIO,
    *,
    content: Callable[[Media], bytes] | None = None,
) -> Written:
    """Write memories, each with its outgoing links, and return what was written.

    Memories are written as they come; only the links are held in memory. Open the stream
    with `encoding="utf-8"`.

    Args:
        memories: what to write.
        links: among them.
        stream: where to.
        content: gives the bytes of the images and sounds; without it none goes along.

    Raises:
        NotFound, StoreDamaged: a file is missing or not what was stored.
    """
    outgoing: dict[str, list[Link]] = defaultdict(list)
    for link in links:
        outgoing[link.source].append(link)
    header = {"format": NAME, "version": VERSION, "writer": f"{NAME} {__version__}"}
    _write_line(header, stream)
    memory_count = link_count = 0
    for memory in memories:
        own = outgoing.pop(memory.id, [])
        _write_line(_as_object(memory, own, content), stream)
        memory_count += 1
        link_count += len(own)
    left_out = tuple(link for group in outgoing.values() for link in group)
    return Written(memory_count, link_count, left_out)


def read_jsonl(path: Path) -> Iterator[Record]:
    """Yield a record for each memory of an export.

    Without a key of its own a memory gets `memory-core:<id>`, so that it is stored once.

    Raises:
        InvalidInput: no header in the first line, or a version newer than this one.
    """
    lines = line_items(path)
    _check_header(next(lines, None), path.name)
    for item in lines:
        place = Place(item.position)
        if item.error is not None:
            yield place.failed(item.error)
            continue
        try:
            yield _record(item)
        except InvalidInput as error:
            yield place.failed(f"{item.position}: {error}")


def recognises(value: object) -> bool:
    """Say whether a file's first value is our header."""
    return isinstance(value, dict) and value.get("format") == NAME


def _as_object(
    memory: Memory, links: list[Link], content: Callable[[Media], bytes] | None
) -> dict[str, object]:
    fields = memory.model_dump(mode="json", exclude={"media"})
    if memory.media is not None and content is not None:
        data = base64.b64encode(content(memory.media)).decode()
        fields["media"] = {**memory.media.model_dump(), "data": data}
    fields["links"] = [
        {"target": link.target, "relation": link.relation, "at": link.at.isoformat()}
        for link in links
    ]
    return fields


def _write_line(value: Mapping[str, object], stream: TextIO) -> None:
    stream.write(json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n")


def _check_header(item: Item | None, name: str) -> None:
    if item is None:
        raise InvalidInput(f"{name}: empty; export the memories again")
    if item.error is not None:
        raise InvalidInput(item.error)
    header = item.value
    if not isinstance(header, dict) or header.get("format") != NAME:
        raise InvalidInput(
            f'{item.position}: no header {{"format": "{NAME}", "version": {VERSION}}}; '
            "add it as the first line or name the file's format"
        )
    version = header.get("version")
    if type(version) is not int or not 1 <= version <= VERSION:
        raise InvalidInput(
            f"{item.position}: version {version!r}, this release reads 1 to {VERSION}; "
            "upgrade memory-core or export with an older release"
        )
    _refuse_unknown(set(header) - _HEADER_FIELDS, item.position)


def _record(item: Item) -> Record:
    fields = item.value
    if not isinstance(fields, dict):
        raise InvalidInput(f"a {type(fields).__name__}; write one JSON object a line")
    if unknown := set(fields) - _DRAFT_FIELDS - _ORIGIN_FIELDS - {_MEDIA}:
        _refuse_unknown(unknown, "memory")
    own = {name: value for name, value in fields.items() if name in _DRAFT_FIELDS}
    if "text" not in own:
        raise InvalidInput("no field 'text'; add it")
    if (media := fields.get(_MEDIA)) is not None:
        own |= _attachment(media)
    origin = _origin({name: fields[name] for name in fields if name in _ORIGIN_FIELDS})
    own["key"] = own.get("key") or _key(origin, item)
    given = {name: value for name, value in own.items() if value is not None}
    if origin.state is not State.LIVE and "valid_to" in given:
        origin, given = _instant(origin, given)
    draft = Draft.checked(**given)
    note = None if draft.occurred_at else NO_TIME
    return Record(item.position, draft, note=note, origin=origin)


def _attachment(media: object) -> dict[str, bytes]:
    """Return the draft's field for an exported file, its bytes compared with its digest."""
    if not isinstance(media, dict) or not isinstance(media.get("data"), str):
        raise InvalidInput("field 'media' has no 'data'; export the memories again")
    try:
        content = base64.b64decode(media["data"], validate=True)
    except ValueError as error:
        raise InvalidInput(f"field 'media': 'data' is no base64 ({error})") from error
    if hashlib.sha256(content).hexdigest() != media.get("digest"):
        raise InvalidInput("field 'media': 'data' is not what 'digest' says; export it again")
    return {kind_of(str(media.get("type"))): content}


def _instant(origin: Origin, given: dict[str, Any]) -> tuple[Origin, dict[str, Any]]:
    """Take from a memory that ended where it began what would be refused, or close another one."""
    rest = {name: value for name, value in given.items() if name not in ("valid_to", "attribute")}
    draft, ended = Draft.checked(**rest), check_time(given["valid_to"], "valid_to")
    if draft.valid_from is None or draft.valid_from < ended:
        return origin, given
    attribute = Draft.checked(**rest, attribute=given.get("attribute")).attribute
    return origin.model_copy(update={"closed": ended, "attribute": attribute}), rest


def _origin(fields: dict[str, object]) -> Origin:
    try:
        return Origin.model_validate(fields)
    except ValidationError as error:
        raise input_error(error, "memory") from error


def _key(origin: Origin, item: Item) -> str:
    if origin.id:
        return fitting_name(f"{NAME}:{origin.id}", prefix=f"{NAME}:")
    return key_of(NAME, digest(item.text), item.position.rpartition(":")[2])


def _refuse_unknown(fields: set[str], where: str) -> None:
    if fields:
        raise InvalidInput(
            f"{where}: unknown fields {', '.join(sorted(map(repr, fields)))}; "
            "put your own into metadata"
        )
