"""A commit that fails is told honestly: stored, refused for ever, or unknown and then answered."""

import subprocess
import sys
from pathlib import Path

import pytest

from memory_core import open_memory

CHILD = Path(__file__).with_name("failing_disk.py")
CASES = [
    (operation, n, how)
    for operation in ("write", "sync")
    for n in (1, 2, 3, 5, 9)
    for how in ("once", "forever")
]


@pytest.mark.parametrize(("operation", "n", "how"), CASES)
def test_what_is_told_is_what_is_there(tmp_path: Path, operation: str, n: int, how: str) -> None:
    home = tmp_path / "home"
    with open_memory(home, embedder="hash", recordings=False):
        pass
    command = [sys.executable, str(CHILD), str(home), operation, str(n), how]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    said = [line.split() for line in done.stdout.splitlines()]
    with open_memory(home, embedder="hash", recordings=False) as memory:
        present = {m.key for m in memory.list(limit=100)}
        assert memory.journal.verify() == []
    stored = {words[1] for words in said if words[0] == "stored"}
    refused = {words[1] for words in said if words[0] == "refused"}
    answered = {words[1]: words[2] == "True" for words in said if words[0] == "outcome"}
    assert int(said[-1][1]) > 0, "no fault was injected"
    assert all(words[3] == words[4] for words in said if words[:2] == ["by", "id"])
    assert stored <= present
    assert not refused & present
    assert {key for key, there in answered.items() if there} == present
