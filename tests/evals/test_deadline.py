"""Deadlines: every question under each of them, latency and quality beside each other."""

from pathlib import Path

from memory_core.evals import deadline
from memory_core.evals.locomo import locomo
from memory_core.evals.run import Plan
from tests.evals import files


def test_every_deadline_asks_the_same_questions(tmp_path: Path) -> None:
    task = locomo(files.locomo(tmp_path / "locomo.json"))
    plan = Plan(settings={"embedder": "hash"})
    found = deadline.measure(task, plan, (5_000.0, 60_000.0))
    assert [row.deadline_ms for row in found.rows] == [None, 5_000.0, 60_000.0]
    assert {row.n for row in found.rows} == {4}
    assert all(row.p50_ms <= row.p99_ms <= row.worst_ms for row in found.rows)
    assert all(row.quality["recall@10"][0] == 1.0 for row in found.rows)
    assert found.rows[0].late == 0.0
    deadline.write(found, tmp_path / "out")
    assert "| 5000 ms |" in (tmp_path / "out" / "deadline.md").read_text()
    assert (tmp_path / "out" / "deadline.png").read_bytes().startswith(b"\x89PNG")
