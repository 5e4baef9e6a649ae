"""The memory in a coding agent: settings that go there and back, hooks that recall and keep."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from memory_core import open_memory

OTHERS = {"model": "x", "hooks": {"Stop": [{"hooks": [{"type": "command", "command": "say ü"}]}]}}


def memory(home: Path, *words: str, given: object = None) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "CLAUDE_CONFIG_DIR": str(home / "claude")}
    command = [sys.executable, "-c", "from memory_core.serve.cli import main; main()", "--home",
               str(home / "store"), "--namespace", "ana", "--embedder", "hash", *words]  # fmt: skip
    said = given if isinstance(given, str) else json.dumps(given)
    return subprocess.run(
        command, input=said, capture_output=True, text=True, env=environment, cwd=home
    )


def settings(home: Path) -> Any:
    return json.loads((home / "claude" / "settings.json").read_text())


def test_installing_shows_the_difference_and_goes_back(tmp_path: Path) -> None:
    (tmp_path / "claude").mkdir()
    file = tmp_path / "claude" / "settings.json"
    file.write_text(json.dumps(OTHERS, indent=2, ensure_ascii=False) + "\n")
    refused = memory(tmp_path, "hooks", "install", "claude-code", given="n\n")
    assert refused.returncode != 0
    assert settings(tmp_path) == OTHERS
    done = memory(tmp_path, "hooks", "install", "claude-code", "--yes")
    assert "+" in done.stdout
    assert settings(tmp_path)["hooks"]["Stop"][0] == OTHERS["hooks"]["Stop"][0]  # type: ignore[index]
    (added,) = settings(tmp_path)["hooks"]["UserPromptSubmit"][0]["hooks"]
    assert f"--home {tmp_path / 'store'} --namespace ana hooks run claude-code" in added["command"]
    again = memory(tmp_path, "hooks", "install", "claude-code", "--yes")
    assert "needs no change" in again.stdout
    memory(tmp_path, "hooks", "uninstall", "claude-code", "--yes")
    assert settings(tmp_path) == OTHERS
    assert json.loads((file.with_suffix(".json.before-memory")).read_text())


@pytest.mark.parametrize("spoiled", ["{", "[]", '{"hooks": 1}'])
def test_settings_that_cannot_be_read_stay_as_they_are(tmp_path: Path, spoiled: str) -> None:
    (tmp_path / "claude").mkdir()
    file = tmp_path / "claude" / "settings.json"
    file.write_text(spoiled)
    done = memory(tmp_path, "hooks", "install", "claude-code", "--yes")
    assert (done.returncode, file.read_text()) == (1, spoiled)
    assert memory(tmp_path, "hooks", "install", "vim", "--yes").returncode == 1


def entry(kind: str, uuid: str, content: object, **more: object) -> str:
    return json.dumps({"type": kind, "uuid": uuid, "message": {"content": content}, **more})


def test_a_prompt_recalls_and_a_stop_keeps_the_turn_once(tmp_path: Path) -> None:
    with open_memory(tmp_path / "store", namespace="ana", embedder="hash") as opened:
        known = opened.store("The gate code is 4471 since March")
    transcript = tmp_path / "t.jsonl"
    event = {"session_id": "s1", "transcript_path": str(transcript)}
    prompt = {**event, "hook_event_name": "UserPromptSubmit", "prompt": "What is the gate code?"}
    done = memory(tmp_path, "hooks", "run", "claude-code", given=prompt)
    added = json.loads(done.stdout)["hookSpecificOutput"]
    assert added["hookEventName"] == "UserPromptSubmit"
    assert known.id in added["additionalContext"]
    transcript.write_text(
        "\n".join(
            [
                '{"cut',
                entry("attachment", "0", added["additionalContext"]),
                entry("user", "1", "What is the gate code?"),
                entry("assistant", "2", [{"type": "tool_use", "input": {}}]),
                entry("user", "3", [{"type": "tool_result", "content": "x"}]),
                entry("assistant", "4", "The gate code is 4471 since March. Take the bus 12."),
                entry("user", "5", "a caveat", isMeta=True),
            ]
        )
    )
    assert memory(tmp_path, "hooks", "run", "claude-code", given=prompt).stdout == ""
    stop = {**event, "hook_event_name": "Stop", "stop_hook_active": False}
    for _ in range(2):
        assert memory(tmp_path, "hooks", "run", "claude-code", given=stop).stderr == ""
    with open_memory(tmp_path / "store", namespace="ana", embedder="hash") as opened:
        assert [(m.text, m.source) for m in reversed(opened.list())] == [
            ("The gate code is 4471 since March", "user"), ("What is the gate code?", "user"),
            ("[…]. Take the bus 12.", "assistant"),
        ]  # fmt: skip


@pytest.mark.parametrize("given", ["", "[]", "{}", '{"hook_event_name": "Stop"}'])
def test_a_hook_never_stops_the_agent(tmp_path: Path, given: str) -> None:
    done = memory(tmp_path, "hooks", "run", "claude-code", given=given)
    assert (done.returncode, done.stdout) == (0, "")
