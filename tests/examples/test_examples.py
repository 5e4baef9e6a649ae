"""The examples run offline, and each shows what memory changes."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PLACE = ROOT / "agents_examples"
KNOWN = "You told me: My flight to Porto leaves at 9:40 on Friday"
FILES = sorted(path for path in PLACE.glob("*.py") if path.stem not in ("__init__", "model"))


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMORY_EMBEDDER", "hash")
    for name in ("OPENAI_BASE_URL", "OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def example(name: str, framework: str | None = None) -> Any:
    if framework is not None:
        pytest.importorskip(framework, reason=f"needs the extra of {framework}")
    return importlib.import_module(f"agents_examples.{name}")


def test_chat_loop(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    example("chat_loop").main(tmp_path)
    said = capsys.readouterr().out
    assert said.count("Noted.") == 2
    assert KNOWN in said
    assert "You told me: I am allergic to walnuts" in said
    assert said.count("cache kept 100%") == 4


def test_long_running_assistant(tmp_path: Path) -> None:
    assert example("long_running_assistant").main(tmp_path) == [
        "Ana lives in Braga", "Ana lives in Lisbon", "Ana drinks green tea in the morning",
        "Ana drinks coffee in the morning", "Ana works at a print shop", "Ana works at a bakery",
        "30", "2",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "framework"),
    [
        ("langgraph_agent", "langchain.agents"),
        ("openai_agents", "agents.testing"),
        ("pydantic_ai_agent", "pydantic_ai.capabilities"),
    ],
)
def test_frameworks(name: str, framework: str, tmp_path: Path) -> None:
    assert example(name, framework).main(tmp_path) == ["Noted.", KNOWN]


def test_claude_memory_tool(tmp_path: Path) -> None:
    replies = example("claude_memory_tool", "anthropic").main(tmp_path)
    assert replies[0] == "File created successfully at: /memories/travel.md"
    assert replies[1].endswith("Flight to Porto: Friday, 9:40")


def test_multi_agent_shared_memory(tmp_path: Path) -> None:
    reply, leaked = example("multi_agent_shared_memory").main(tmp_path)
    assert "Thursday from 22:00 to 23:00" in reply
    assert leaked == "0"


def test_mcp_client(tmp_path: Path) -> None:
    stored, recalled = example("mcp_client", "mcp").main(tmp_path)
    assert stored
    assert "9:40" in recalled


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_example_opens_with_lines_to_copy_and_uses_public_names(path: Path) -> None:
    tree = ast.parse(path.read_text())
    lines = (ast.get_docstring(tree) or "").splitlines()
    assert lines[1] == ""
    assert 2 <= len(lines[2:]) <= 5
    import memory_core
    import memory_core.replay

    public = {module.__name__: module for module in (memory_core, memory_core.replay)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("memory_core"):
            assert node.module in public
            assert {alias.name for alias in node.names} <= set(public[node.module].__all__)
    assert f"`{path.stem}.py`" in (ROOT / "docs" / "examples.md").read_text()


def test_an_example_runs_as_a_program(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "agents_examples.chat_loop", str(tmp_path)]
    done = subprocess.run(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert KNOWN in done.stdout
