"""Anthropic's memory tool over a memory: `/memories` as virtual files in the journal.

    runner = client.beta.messages.tool_runner(tools=[MemoryTool(memory)], …)

A path is a name in the memory, never a path of this machine, so nothing outside can be reached. The
replies are worded as those of the SDK's own file tool, which the model knows. Every edit revises
the file's memory: earlier contents stay in its history, and files can be recalled by what they say.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from memory_adapters.extras import needs
from memory_adapters.shelf import Shelf, Value
from memory_core import Memory, MemoryCoreError, MemoryManager

with needs("anthropic", "anthropic"):
    from anthropic.lib.tools import (
        BetaAbstractMemoryTool,
        BetaAsyncAbstractMemoryTool,
        ToolError,
    )

ROOT = "/memories"
WIDTH = 6  # of line numbers
LEVELS = 2
MOST_LINES = 999_999


class Files:
    """The files under `/memories` in one memory; what the two tools share.

    Args:
        memory: where the files are kept.
        erase: whether deleting erases every byte, history included, instead of forgetting.
    """

    def __init__(self, memory: MemoryManager, *, erase: bool = False) -> None:
        self._shelf = Shelf(memory, "anthropic_file", erase=erase)

    def view(self, command: Any) -> str:
        """Return a directory's listing or a file's numbered lines."""
        path = checked(command.path)
        if (file := self._shelf.get(path)) is not None:
            return self._numbered(command, _content(file))
        inside = self._under(path)
        if not inside and path != ROOT:
            raise ToolError(f"The path {command.path} does not exist. Please provide a valid path.")
        sizes: dict[str, int] = {}
        for name, size in inside.items():
            parts = name.removeprefix(f"{path}/").split("/")
            if any(part.startswith(".") for part in parts):
                continue
            for depth in range(1, min(LEVELS, len(parts)) + 1):
                shown = "/".join(parts[:depth]) + ("/" if depth < len(parts) else "")
                sizes[shown] = sizes.get(shown, 0) + size
        lines = [f"{_size(sum(inside.values()))}\t{command.path}"]
        lines += [f"{_size(size)}\t{command.path}/{name}" for name, size in sorted(sizes.items())]
        return (
            f"Here're the files and directories up to {LEVELS} levels deep in {command.path}, "
            "excluding hidden items:\n" + "\n".join(lines)
        )

    def create(self, command: Any) -> str:
        """Make a file that is not there yet."""
        path = checked(command.path)
        if path == ROOT or self._shelf.get(path) is not None or self._under(path):
            raise ToolError(f"File {command.path} already exists")
        self._check_parents(path, command.path)
        self._write(path, command.file_text)
        return f"File created successfully at: {command.path}"

    def str_replace(self, command: Any) -> str:
        """Replace a text that occurs once."""
        path, content = self._read(command.path)
        old, new = command.old_str, command.new_str or ""
        count = content.count(old) if old else 0
        if count == 0:
            raise ToolError(
                f"No replacement was performed, old_str `{old}` did not appear verbatim in "
                f"{command.path}."
            )
        if count > 1:
            places = ", ".join(str(line) for line in _lines_of(content, old))
            raise ToolError(
                f"No replacement was performed. Multiple occurrences of old_str `{old}` in "
                f"lines: {places}. Please ensure it is unique"
            )
        changed = content[: content.find(old)].count("\n")
        content = content.replace(old, new)
        self._write(path, content)
        lines = content.split("\n")
        first = max(0, changed - 2)
        return (
            "The memory file has been edited. Here is the snippet showing the change (with line "
            "numbers):\n" + _with_numbers(lines[first : changed + 3], first + 1)
        )

    def insert(self, command: Any) -> str:
        """Insert a text after a line."""
        path, content = self._read(command.path)
        lines = content.split("\n")
        if lines[-1] == "":
            lines.pop()
        at = command.insert_line
        if not 0 <= at <= len(lines):
            raise ToolError(
                f"Invalid `insert_line` parameter: {at}. It should be within the range "
                f"[0, {len(lines)}]."
            )
        lines.insert(at, command.insert_text.rstrip("\n"))
        content = "\n".join(lines)
        self._write(path, content if content.endswith("\n") else content + "\n")
        return f"The file {command.path} has been edited."

    def delete(self, command: Any) -> str:
        """Delete a file or a directory with all in it."""
        path = checked(command.path)
        if path == ROOT:
            raise ToolError("Cannot delete the /memories directory itself")
        names = [path] if self._shelf.get(path) is not None else list(self._under(path))
        if not names:
            raise ToolError(f"The path {command.path} does not exist")
        for name in names:
            self._shelf.remove(name)
        return f"Successfully deleted {command.path}"

    def rename(self, command: Any) -> str:
        """Move a file or a directory to a place where nothing is."""
        old, new = checked(command.old_path), checked(command.new_path)
        if old == ROOT:
            raise ToolError("Cannot rename the /memories directory itself")
        if new == ROOT or self._shelf.get(new) is not None or self._under(new):
            raise ToolError(f"The destination {command.new_path} already exists")
        if new.startswith(f"{old}/"):
            raise ToolError(f"Cannot move {command.old_path} into itself")
        names = [old] if self._shelf.get(old) is not None else list(self._under(old))
        if not names:
            raise ToolError(f"The path {command.old_path} does not exist")
        self._check_parents(new, command.new_path)
        for name in names:
            file = self._shelf.get(name)
            if file is not None:
                self._write(new + name.removeprefix(old), _content(file))
                self._shelf.remove(name)
        return f"Successfully renamed {command.old_path} to {command.new_path}"

    def clear(self) -> str:
        """Delete all files."""
        for name in self._under(ROOT):
            self._shelf.remove(name)
        return "All memory cleared"

    def _numbered(self, command: Any, content: str) -> str:
        lines = content.split("\n")
        if len(lines) > MOST_LINES:
            raise ToolError(f"File {command.path} exceeds maximum line limit of 999,999 lines.")
        first, chosen = 1, lines
        if (between := command.view_range) and len(between) == 2:
            first = max(1, between[0])
            chosen = lines[first - 1 : len(lines) if between[1] == -1 else between[1]]
        return f"Here's the content of {command.path} with line numbers:\n" + _with_numbers(
            chosen, first
        )

    def _read(self, given: str) -> tuple[str, str]:
        path = checked(given)
        if (file := self._shelf.get(path)) is not None:
            return path, _content(file)
        if path == ROOT or self._under(path):
            raise ToolError(f"The path {given} is not a file.")
        raise ToolError(f"The path {given} does not exist. Please provide a valid path.")

    def _write(self, path: str, content: str) -> None:
        about: dict[str, object] = {"path": path}
        text = content
        if not content.strip().strip("\x00"):
            text, about = f"(blank file {path})", {"path": path, "blank": content}
        fields = {"source": "assistant", "kind": "semantic"}
        try:
            self._shelf.put(path, Value(text, about, fields))
        except MemoryCoreError as error:
            raise ToolError(f"The file {path} was not written: {error}") from error

    def _under(self, path: str) -> Mapping[str, int]:
        """Return the files below a directory, with their sizes."""
        files = {str(file.metadata["path"]): file for file in self._shelf.every()}
        return {
            name: len(_content(file).encode())
            for name, file in sorted(files.items())
            if name.startswith(f"{path}/")
        }

    def _check_parents(self, path: str, given: str) -> None:
        parts = path.split("/")
        for depth in range(3, len(parts)):
            if self._shelf.get("/".join(parts[:depth])) is not None:
                raise ToolError(f"{'/'.join(parts[:depth])} is a file; {given} cannot be in it")


class MemoryTool(BetaAbstractMemoryTool):
    """The memory tool for `Anthropic().beta.messages.tool_runner`; see `Files`."""

    def __init__(self, memory: MemoryManager, *, erase: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self._files = Files(memory, erase=erase)

    def execute(self, command: Any) -> Any:
        """Carry out a command; what fails is told to the model."""
        return _carried_out(self._files, command)

    def clear_all_memory(self) -> str:
        """Delete all files."""
        return self._files.clear()

    def _handle(self, command: Any) -> str:
        return _carried_out(self._files, command)

    view = create = str_replace = insert = delete = rename = _handle


class AsyncMemoryTool(BetaAsyncAbstractMemoryTool):
    """The memory tool for `AsyncAnthropic`; works in a thread. See `Files`."""

    def __init__(self, memory: MemoryManager, *, erase: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self._files = Files(memory, erase=erase)

    async def execute(self, command: Any) -> Any:
        """Carry out a command; what fails is told to the model."""
        return await asyncio.to_thread(_carried_out, self._files, command)

    async def clear_all_memory(self) -> str:
        """Delete all files."""
        return await asyncio.to_thread(self._files.clear)

    async def _handle(self, command: Any) -> str:
        return await asyncio.to_thread(_carried_out, self._files, command)

    view = create = str_replace = insert = delete = rename = _handle


VERBS = ("view", "create", "str_replace", "insert", "delete", "rename")


def checked(path: object) -> str:
    """Return a path below `/memories` in its one spelling.

    Raises:
        ToolError: it leaves `/memories`, or is no path.
    """
    if not isinstance(path, str) or not f"{path}/".startswith(f"{ROOT}/"):
        raise ToolError(f"Path must start with {ROOT}, got: {path}")
    parts: list[str] = []
    for part in path.split("/")[1:]:
        if part == ".." and parts:
            parts.pop()
        elif part == ".." or "\x00" in part:
            raise ToolError(f"Path {path!r} would escape {ROOT} directory")
        elif part not in ("", "."):
            parts.append(part)
    if parts[:1] != [ROOT[1:]]:
        raise ToolError(f"Path {path} would escape {ROOT} directory")
    return "/" + "/".join(parts)


def _carried_out(files: Files, command: Any) -> str:
    verb = getattr(command, "command", None)
    if verb not in VERBS:
        raise ToolError(f"Unknown command {verb!r}; use one of {', '.join(VERBS)}")
    try:
        return str(getattr(files, verb)(command))
    except (AttributeError, TypeError) as error:
        raise ToolError(f"The command {verb} has a wrong or missing argument: {error}") from error
    except MemoryCoreError as error:
        raise ToolError(f"The command {verb} failed: {error}") from error


def _content(file: Memory) -> str:
    return str(file.metadata.get("blank", file.text))


def _with_numbers(lines: Sequence[str], first: int) -> str:
    return "\n".join(f"{n:>{WIDTH}}\t{line}" for n, line in enumerate(lines, first))


def _lines_of(content: str, wanted: str) -> list[int]:
    found, at = [], content.find(wanted)
    while at >= 0:
        found.append(content[:at].count("\n") + 1)
        at = content.find(wanted, at + 1)
    return found


def _size(size: int) -> str:
    """Return a size as the file tool writes it: 0B, 12B, 1.5K."""
    if size == 0:
        return "0B"
    unit = min((size.bit_length() - 1) // 10, 3)
    scaled = size / 1024**unit
    return (
        f"{int(scaled)}{'BKMG'[unit]}" if scaled == int(scaled) else f"{scaled:.1f}{'BKMG'[unit]}"
    )
