"""What a tool answered, as an agent loop hands it over."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The answer of one tool call; stored with source "tool", so it is believed less."""

    text: str
    name: str | None = None
    """The tool's name; kept as the memory's speaker."""


ToolResults = Iterable[ToolResult | str]


def tool_result(value: ToolResult | str) -> ToolResult:
    """Return the value itself, or a bare text as a result."""
    return value if isinstance(value, ToolResult) else ToolResult(value)
