"""`memory hooks`: put the memory into a coding agent, and take it out again."""

import difflib
import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from memory_core.errors import InvalidInput, MemoryCoreError
from memory_core.serve.cli.session import Session

app = typer.Typer(help="Put the memory into a coding agent.", no_args_is_help=True)

EVENTS = ("UserPromptSubmit", "Stop")
MARK = "hooks run claude-code"
TIMEOUT = 30  # seconds that Claude Code waits for a hook

Agent = Annotated[str, typer.Argument(help="claude-code.")]
Project = Annotated[bool, typer.Option(help="This directory's settings, not the user's.")]


@app.command()
def install(
    context: typer.Context,
    agent: Agent,
    project: Project = False,
    yes: Annotated[bool, typer.Option("--yes", help="Write without asking.")] = False,
) -> None:
    """Show what changes in the settings, and write it: recall at prompts, capture at stops."""
    file = _settings(agent, project=project)
    before = _read(file)
    after = _without(before)
    hooks = after.setdefault("hooks", {})
    if not isinstance(hooks, dict):
        raise InvalidInput(f"{file}: `hooks` is no object; correct it by hand")
    for event in EVENTS:
        command = {"type": "command", "command": _command(context.obj), "timeout": TIMEOUT}
        hooks[event] = [*hooks.get(event, []), {"hooks": [command]}]
    _write(file, before, after, yes=yes)


@app.command()
def uninstall(
    agent: Agent,
    project: Project = False,
    yes: Annotated[bool, typer.Option("--yes", help="Write without asking.")] = False,
) -> None:
    """Show what changes in the agent's settings, and take the memory's hooks out."""
    file = _settings(agent, project=project)
    before = _read(file)
    _write(file, before, _without(before), yes=yes)


@app.command()
def run(
    context: typer.Context,
    agent: Agent,
    deadline_ms: Annotated[float, typer.Option(min=1, help="For a recall.")] = 3_000,
) -> None:
    """Answer one hook event on standard input; a failure is told and never stops the agent."""
    from memory_core.serve.coding import answered

    options: Session = context.obj
    try:
        _check(agent)
        event = json.loads(sys.stdin.buffer.read())
        if not isinstance(event, dict):
            raise InvalidInput("the hook event is no JSON object; run this from the agent's hooks")
        with options.open(create=True) as memory:
            sys.stdout.write(answered(memory, event, deadline_ms))
    except (MemoryCoreError, ValueError, OSError) as error:
        sys.stderr.write(f"memory: {type(error).__name__}: {error}\n")


def _check(agent: str) -> None:
    if agent != "claude-code":
        raise InvalidInput(f"no hooks for {agent!r}; use claude-code")


def _settings(agent: str, *, project: bool) -> Path:
    _check(agent)
    home = Path.cwd() / ".claude"
    if not project:
        home = Path(os.environ.get("CLAUDE_CONFIG_DIR") or "~/.claude").expanduser()
    return home / "settings.json"


def _read(file: Path) -> dict[str, Any]:
    if not file.exists():
        return {}
    try:
        settings = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InvalidInput(f"{file} is not JSON: {error}; correct it by hand") from error
    if not isinstance(settings, dict):
        raise InvalidInput(f"{file} is no JSON object; correct it by hand")
    return settings


def _without(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings without our hooks, and without what that leaves empty."""
    copied: dict[str, Any] = json.loads(json.dumps(settings))
    hooks = copied.get("hooks")
    if not isinstance(hooks, dict):
        return copied
    for event, groups in list(hooks.items()):
        if not isinstance(groups, list):
            continue
        kept = [group for group in groups if MARK not in json.dumps(group)]
        if kept or not groups:
            hooks[event] = kept
        else:
            del hooks[event]
    if not hooks and settings.get("hooks"):
        del copied["hooks"]
    return copied


def _command(options: Session) -> str:
    program = shutil.which("memory") or "memory"
    words = [program, "--home", str(Path(options.home).expanduser().absolute())]
    words += ["--namespace", options.namespace, *MARK.split()]
    return " ".join(f'"{word}"' if " " in word else word for word in words)


def _write(file: Path, before: object, after: object, *, yes: bool) -> None:
    old, new = (json.dumps(value, indent=2, ensure_ascii=False) + "\n" for value in (before, after))
    if old == new:
        sys.stdout.write(f"{file} needs no change\n")
        return
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), str(file), str(file), n=2)
    sys.stdout.write("\n".join(line.rstrip("\n") for line in lines) + "\n")
    if not yes:
        typer.confirm("Write this?", abort=True)
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.exists():
        shutil.copy2(file, file.with_suffix(".json.before-memory"))
    temporary = file.with_suffix(".json.new")
    temporary.write_text(new, encoding="utf-8")
    temporary.replace(file)
    sys.stdout.write(f"written: {file}\n")
