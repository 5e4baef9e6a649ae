"""The documentation is true: its blocks run, and it names what there is.

In a page, ```python blocks run top to bottom in one namespace; a ```text block right after one
is what it prints. Lines of ```sh blocks that begin with `memory` run in one home of their own.
"""

import contextlib
import io
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from memory_core import errors
from memory_core.config import Settings
from tests.warm import warm_command

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```", re.M | re.S)
FRAMEWORKS = {
    "agent_framework", "agents", "anthropic", "crewai", "google", "langchain_core", "llama_index",
    "pydantic_ai",
}  # fmt: skip
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]


def blocks(page: Path) -> list[tuple[str, str]]:
    return BLOCK.findall(page.read_text())


@contextlib.contextmanager
def frameworks_may_be_missing() -> Iterator[None]:
    """Skip a page whose framework is not installed; anything else that is missing fails."""
    try:
        yield
    except errors.MissingExtra as error:
        pytest.skip(str(error))
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in FRAMEWORKS:
            raise
        pytest.skip(f"{error.name} is not installed")


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_python_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MEMORY_EMBEDDER", "hash")
    names: dict[str, object] = {"__name__": "__docs__"}
    printed = None
    for language, code in blocks(page):
        if language == "python":
            out = io.StringIO()
            with contextlib.redirect_stdout(out), frameworks_may_be_missing():
                exec(compile(code, str(page), "exec"), names)
            printed = out.getvalue()
        elif language == "text" and printed is not None:
            assert printed == code
            printed = None


@pytest.fixture(scope="module")
def command() -> Iterator[Path]:
    """The directory of a `memory` command that is quick to start."""
    with tempfile.TemporaryDirectory() as place, warm_command(Path(place)) as path:
        yield path


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_shell_blocks_run(page: Path, tmp_path: Path, command: Path) -> None:
    lines = [
        line.strip()
        for language, code in blocks(page)
        if language == "sh"
        for line in code.splitlines()
        if line.startswith("memory ")
    ]
    for line in lines:
        done = shell(line, tmp_path, command)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"


def test_a_line_that_fails_is_seen(tmp_path: Path, command: Path) -> None:
    for line, code in (("memory nonsense", 2), ("memory show 0123456789abcdef", 1)):
        done = shell(line, tmp_path, command)
        assert done.returncode == code and done.stderr


def shell(line: str, place: Path, command: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ, "MEMORY_HOME": str(place / "home"), "MEMORY_EMBEDDER": "hash",
        "PATH": f"{command}:{Path(sys.executable).parent}:{os.environ['PATH']}",
    }  # fmt: skip
    return subprocess.run(
        ["bash", "-euc", line], cwd=ROOT, env=environment, capture_output=True, text=True
    )


def everything() -> str:
    return "\n".join(page.read_text() for page in PAGES)


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_documented(name: str) -> None:
    assert f"`{name}`" in everything()


@pytest.mark.parametrize("name", [n for n in vars(errors) if n[0].isupper()])
def test_every_error_is_drawn_in_the_tree(name: str) -> None:
    if name != "MemoryCoreError":
        assert re.search(rf"── {name}\b", errors.__doc__ or "")


def test_every_verb_is_documented() -> None:
    from memory_core.serve.cli.app import app

    text = everything()
    for command in app.registered_commands:
        assert f"memory {command.name}" in text, command.name


def test_every_adapter_is_documented() -> None:
    for file in (ROOT / "adapters" / "memory_adapters").glob("*.py"):
        if file.stem not in ("__init__", "extras", "shelf", "log", "conversations"):
            page = ROOT / "docs" / "adapters" / f"{file.stem.replace('_', '-')}.md"
            assert f"from memory_adapters.{file.stem} import" in page.read_text()


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 200
