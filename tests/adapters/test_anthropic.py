"""Anthropic's memory tool: worded as the SDK's own file tool, in the SDK's own runner."""

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("anthropic", reason="needs the extra anthropic")

import httpx2 as httpx
from anthropic import Anthropic
from anthropic.lib.tools import ToolError
from anthropic.tools.memory import BetaLocalFilesystemMemoryTool
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from memory_adapters.anthropic import AsyncMemoryTool, Files, MemoryTool, checked

from memory_core import MemoryManager, open_memory
from memory_core.testing import temporary_memory

PATHS = st.sampled_from(
    ["/memories", "/memories/a", "/memories/a.txt", "/memories/d/b", "/memories/d/e/f",
     "/memories/d", "/memories/./a", "/memories/d/../a", "/memories/.hidden"]
)  # fmt: skip
TEXT = st.sampled_from(["", "one\ntwo\nthree", "x", "two two", " \n", "end\n", "ü\n\n"])
COMMANDS = st.one_of(
    st.fixed_dictionaries({"command": st.just("create"), "path": PATHS, "file_text": TEXT}),
    st.fixed_dictionaries(
        {"command": st.just("view"), "path": PATHS},
        optional={"view_range": st.sampled_from([[1, 2], [2, -1], [0, 0], [3, 1]])},
    ),
    st.fixed_dictionaries(
        {"command": st.just("str_replace"), "path": PATHS, "old_str": st.sampled_from(["two", "x"]),
         "new_str": st.sampled_from(["", "2\n2"])}
    ),
    st.fixed_dictionaries(
        {"command": st.just("insert"), "path": PATHS, "insert_line": st.integers(-1, 4),
         "insert_text": st.sampled_from(["new", "new\n"])}
    ),
    st.fixed_dictionaries({"command": st.just("delete"), "path": PATHS}),
    st.fixed_dictionaries({"command": st.just("rename"), "old_path": PATHS, "new_path": PATHS}),
)  # fmt: skip


def answer(tool: Any, command: dict[str, Any]) -> str:
    try:
        return str(tool.call(command))
    except ToolError as error:
        return f"ERROR {error}"
    except OSError:  # a file in the place of a directory: the SDK's tool lets the system answer
        return "ERROR"


def plain(text: str) -> str:
    """Leave out what no virtual directory has: the block size, and empty directories."""
    if not text.startswith("Here're"):
        return text
    lines = [line.split("\t")[1] for line in text.splitlines()[1:]]
    return "\n".join(line for line in lines if not line.endswith("/"))


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(COMMANDS, min_size=4, max_size=14))
def test_any_commands_answer_as_the_file_tool_does(
    tmp_path_factory: pytest.TempPathFactory, commands: list[dict[str, Any]]
) -> None:
    theirs = BetaLocalFilesystemMemoryTool(str(tmp_path_factory.mktemp("files")))
    with temporary_memory(recordings=False) as memory:
        ours = MemoryTool(memory)
        for command in commands:
            if (said := answer(theirs, command)) == "ERROR" or empty_directory(theirs, command):
                return  # from here on the two hold different things
            assert plain(answer(ours, command)) == plain(said), command


def empty_directory(tool: Any, command: dict[str, Any]) -> bool:
    """Tell whether a directory is empty now: here a directory is there by its files only."""
    return any(path.is_dir() and not any(path.iterdir()) for path in tool.memory_root.rglob("*"))


@pytest.mark.parametrize(
    "path",
    ["", "/", "/etc/passwd", "memories/a", "/memoriesx", "/memories/../etc/passwd", "/memories/..",
     "/memories/a/../../b", "/memories/\x00", "..", "C:\\x", "/memories/../memories2/a", None],
)  # fmt: skip
def test_no_path_leaves_the_memory(memory: MemoryManager, path: Any) -> None:
    with pytest.raises(ToolError):
        checked(path)
    tool = MemoryTool(memory)
    for command in ("view", "create", "delete"):
        with pytest.raises(ToolError):
            tool.call({"command": command, "path": path, "file_text": "x"})


@given(st.text(max_size=30).map(lambda text: "/memories/" + text))
def test_a_path_stays_below_its_root(path: str) -> None:
    try:
        found = checked(path)
    except ToolError:
        return
    assert f"{found}/".startswith("/memories/")
    assert ".." not in found.split("/")


def test_wrong_commands_are_told_to_the_model(memory: MemoryManager) -> None:
    tool = MemoryTool(memory)
    for wrong in ({}, {"command": "format"}, {"command": "create", "path": "/memories/a"},
                  {"command": "create", "path": "/memories/a", "file_text": "\ud800"},
                  {"command": "insert", "path": 5}):  # fmt: skip
        with pytest.raises(ToolError):
            tool.call(wrong)
    assert memory.list() == ()


def test_files_survive_and_keep_their_history(tmp_path: Path) -> None:
    with open_memory(tmp_path, embedder="hash") as memory:
        tool = MemoryTool(memory)
        tool.call({"command": "create", "path": "/memories/ana.md", "file_text": "likes figs"})
        tool.call({"command": "str_replace", "path": "/memories/ana.md", "old_str": "figs",
                   "new_str": "dates"})  # fmt: skip
    with open_memory(tmp_path, embedder="hash") as memory:
        said = MemoryTool(memory).call({"command": "view", "path": "/memories/ana.md"})
        assert "     1\tlikes dates" in str(said)
        (file,) = memory.list()
        assert [c.memory.text for c in memory.history(file.id) if c.memory] == [
            "likes figs", "likes dates",
        ]  # fmt: skip
        assert memory.recall("dates").hits[0].memory == file
        assert Files(memory).clear() == "All memory cleared"
        assert memory.list() == ()


class ScriptedApi:
    """Stands for the service: answers from a list, keeps what it was asked."""

    def __init__(self, *answers: list[dict[str, Any]]) -> None:
        self.answers = list(answers)
        self.asked: list[dict[str, Any]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(json.loads(request.content))
        content = self.answers.pop(0)
        stop = "tool_use" if content[0]["type"] == "tool_use" else "end_turn"
        return httpx.Response(
            200,
            json={
                "id": "m", "type": "message", "role": "assistant", "model": "scripted",
                "content": content, "stop_reason": stop, "stop_sequence": None,
                "usage": {"input_tokens": 1, "output_tokens": 1},
            },
        )  # fmt: skip


def use(command: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"type": "tool_use", "id": "t1", "name": "memory", "input": command}]


SAYS = [{"type": "text", "text": "Done."}]
CREATE = {"command": "create", "path": "/memories/flight.md", "file_text": "TP123 leaves at 9:40"}
VIEW = {"command": "view", "path": "/memories/flight.md"}


def test_an_agent_reads_in_its_second_session_what_it_wrote_in_the_first(tmp_path: Path) -> None:
    for command in (CREATE, VIEW):
        api = ScriptedApi(use(command), SAYS)
        client = Anthropic(
            api_key="none", http_client=httpx.Client(transport=httpx.MockTransport(api))
        )
        with open_memory(tmp_path, embedder="hash") as memory, client:
            runner = client.beta.messages.tool_runner(
                model="scripted", max_tokens=100, tools=[MemoryTool(memory)],
                messages=[{"role": "user", "content": "When is my flight?"}],
            )  # fmt: skip
            assert runner.until_done().content[0].text == "Done."
        assert api.asked[0]["tools"] == [{"type": "memory_20250818", "name": "memory"}]
    assert "TP123 leaves at 9:40" in json.dumps(api.asked[1]["messages"][-1])


async def test_the_async_tool_does_the_same(memory: MemoryManager) -> None:
    tool = AsyncMemoryTool(memory)
    assert str(await tool.call(CREATE)).startswith("File created")
    assert "9:40" in str(await tool.call(VIEW))
    with pytest.raises(ToolError, match="already exists"):
        await tool.call(CREATE)
    assert await tool.clear_all_memory() == "All memory cleared"
