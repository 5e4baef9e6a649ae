"""Waiting for a lock: patience has an end, and who has waited long looks more often."""

import time
from itertools import pairwise
from pathlib import Path

import pytest

from memory_core.errors import StoreBusy
from memory_core.journal import waiting
from memory_core.journal.database import Database


def test_the_pause_shrinks_while_the_lock_may_be_a_commits() -> None:
    pauses = [waiting.pause(waited) for waited in (0.0, 0.002, 0.005, 0.009)]
    assert all(later < earlier for earlier, later in pairwise(pauses))
    assert waiting.pause(0.1) == waiting.LEAST
    assert waiting.pause(1.0) == waiting.RARE


def test_a_lock_that_is_not_given_up_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "PATIENCE", 0.05)
    holder, other = Database(tmp_path / "journal.db"), Database(tmp_path / "journal.db")
    with holder.write():
        begun = time.monotonic()
        with pytest.raises(StoreBusy, match="locked by another process"), other.write():
            raise AssertionError("two write at once")
        assert 0.05 <= time.monotonic() - begun < 2.5  # not SQLite's own five seconds
    with other.write():
        pass
    holder.close()
    other.close()
