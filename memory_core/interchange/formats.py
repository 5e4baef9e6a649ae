"""Every format by name, and the guess of which one a file is."""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from memory_core.errors import InvalidInput
from memory_core.interchange import (
    chatgpt,
    claude_code,
    jsonl,
    locomo,
    longmemeval,
    openai_chat,
    realtalk,
)
from memory_core.interchange.base import Reader, Record
from memory_core.interchange.source import items

FORMATS: dict[str, Reader] = {
    jsonl.NAME: jsonl.read_jsonl,
    openai_chat.NAME: openai_chat.read_openai_chat,
    chatgpt.NAME: chatgpt.read_chatgpt,
    claude_code.NAME: claude_code.read_claude_code,
    locomo.NAME: locomo.read_locomo,
    longmemeval.NAME: longmemeval.read_longmemeval,
    realtalk.NAME: realtalk.read_realtalk,
}

_SIGNS: dict[str, Callable[[object], bool]] = {
    jsonl.NAME: jsonl.recognises,
    openai_chat.NAME: openai_chat.recognises,
    chatgpt.NAME: chatgpt.recognises,
    claude_code.NAME: claude_code.recognises,
    locomo.NAME: locomo.recognises,
    longmemeval.NAME: longmemeval.recognises,
    realtalk.NAME: realtalk.recognises,
}

_LOOK_AT = 50  # values: bookkeeping lines may come before the first telling one


def read(path: Path, form: str | None = None) -> Iterator[Record]:
    """Return the records of a file in a named format, or in the one it shows.

    Raises:
        InvalidInput: an unknown format name, a file of no known format, or a damaged file.
    """
    name = detect(path) if form is None else form
    if name not in FORMATS:
        raise InvalidInput(f"format {name!r} is not known; use one of {', '.join(FORMATS)}")
    return FORMATS[name](path)


def detect(path: Path) -> str:
    """Return the name of the format that the file's first values show.

    Raises:
        InvalidInput: none or several formats fit, naming the candidates.
    """
    for item in islice(items(path), _LOOK_AT):
        fits = [name for name, sign in _SIGNS.items() if sign(item.value)]
        if len(fits) == 1:
            return fits[0]
        if fits:
            raise InvalidInput(
                f"{path.name}: could be {' or '.join(fits)}; name the format you mean"
            )
    raise InvalidInput(
        f"{path.name}: of no known format; name one of {', '.join(FORMATS)} if it is one of them"
    )
