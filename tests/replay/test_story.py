"""The story of docs/replay.md runs, prints what the page says, and its frozen test is green."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_story_of_the_docs(tmp_path: Path) -> None:
    script = ROOT / "agents_examples" / "debug_replay.py"
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path)], capture_output=True, text=True, check=True
    )
    page = (ROOT / "docs" / "replay.md").read_text()
    (told,) = [part for part in page.split("```console\n") if part.startswith("turn 301")]
    assert without_stages(told.split("\n```")[0]) == without_stages(done.stdout), done.stdout
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    green = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert "2 passed" in green.stdout, green.stdout + green.stderr


def without_stages(told: str) -> list[str]:
    """Return the lines but those that list the stages a memory passed: new ones may come."""
    lines = told.strip().splitlines()
    return [line for line in lines if not re.match(r"  \w+ +rank +\d+  score", line)]
