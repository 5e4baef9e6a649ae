"""What the bodies of entries say that wrote a text: the text, and the file beside it."""

import json
from typing import Any

from memory_core.media import Media


def text_of(body: bytes) -> str:
    """Return the text in the body of a stored or revised entry; blank beside a file alone."""
    return str(_fields(body)["text"])


def media_of(body: bytes) -> Media | None:
    """Return the image or sound in the body of a stored or revised entry, if it has one."""
    return described(_fields(body).get("media"))


def both_of(body: bytes) -> tuple[str, Media | None]:
    """Return `text_of` and `media_of`, the body read once."""
    fields = _fields(body)
    return str(fields["text"]), described(fields.get("media"))


def described(value: Any) -> Media | None:
    """Return the medium that an event's payload describes; it was checked when it was stored."""
    return None if value is None else Media.model_construct(**value)


def _fields(body: bytes) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads(body)
    fields: dict[str, Any] = payload if "text" in payload else payload["fields"]
    return fields
