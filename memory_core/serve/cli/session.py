"""What every command shares: which store to open, and how to print."""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memory_core.journal.home import home_of
from memory_core.limits import DEFAULT_NAMESPACE
from memory_core.types import Memory

if TYPE_CHECKING:  # a verb that opens no memory does not wait for its parts
    from memory_core.manager import MemoryManager


@dataclass(frozen=True, slots=True)
class Session:
    """The options given before the verb."""

    home: Path
    namespace: str
    json: bool
    settings: dict[str, Any]

    def open(self, *, readonly: bool = False, create: bool = False) -> "MemoryManager":
        """Open the memory that the options name; only a verb that stores makes one.

        Raises:
            NotFound: no such store or namespace; a mistyped name leaves nothing behind.
        """
        from memory_core.build import open_memory

        return open_memory(
            self.home, namespace=self.namespace, readonly=readonly, create=create, **self.settings
        )

    def emit(self, value: Any, text: str) -> None:
        """Print one value: as JSON if asked, else as text for people."""
        sys.stdout.write((dumps(value) if self.json else visible(text.rstrip("\n"))) + "\n")

    def tell(self, text: str) -> None:
        """Tell people how far a long verb is, on standard error."""
        if not self.json:
            sys.stderr.write(visible(text) + "\n")

    def table(self, rows: Iterable[Sequence[Any]], *headers: str) -> None:
        """Print a table, with lines and colours on a terminal, plain columns elsewhere."""
        from rich.console import Console
        from rich.table import Table

        table = Table(*headers, box=None, pad_edge=False, header_style="bold")
        for row in rows:
            table.add_row(*(_cell(value) for value in row))
        width = None if sys.stdout.isatty() else 200
        Console(width=width, highlight=False, soft_wrap=False).print(table)


def session_of(home: str | None, namespace: str | None, as_json: bool, **settings: Any) -> Session:
    """Return the session that options and environment name; a blank variable is none.

    Raises:
        InvalidInput: a blank home: it would be the working directory.
    """
    place = os.environ.get("MEMORY_HOME") or "~/.memory" if home is None else home
    name = os.environ.get("MEMORY_NAMESPACE") or DEFAULT_NAMESPACE
    given = {key: value for key, value in settings.items() if value is not None}
    return Session(home_of(place), name if namespace is None else namespace, as_json, given)


def dumps(value: Any) -> str:
    """Return a value as one JSON document; models and times included."""
    return json.dumps(value, ensure_ascii=False, default=_plain, indent=2)


def visible(text: str) -> str:
    """Return a text with its control characters as signs: what was stored rules no terminal."""
    return text.translate(_SIGNS)


def line(memory: Memory, width: int = 100) -> str:
    """Return a memory as one line for people."""
    text = " ".join(memory.text.split())
    shown = text if len(text) <= width else text[: width - 1] + "…"
    who = memory.speaker or memory.role or memory.source
    return f"{memory.id}  {memory.occurred_at:%Y-%m-%d %H:%M}  {who}: {shown}"


def _plain(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    return str(value)


def _cell(value: Any) -> str:
    from rich.markup import escape

    return escape(f"{value:.3f}" if isinstance(value, float) else visible(str(value)))


_SIGNS = {
    **{code: chr(0x2400 + code) for code in range(32) if chr(code) not in "\n\t"},
    127: "␡",
    **dict.fromkeys(range(128, 160), "�"),
}
