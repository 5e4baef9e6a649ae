"""The sample conversation with changes and recalls in between: all re-execute exactly."""

from pathlib import Path

from memory_core import open_memory
from memory_core.samples import sample_questions, sample_turns
from tests.replay.locomo import furthest, interleaved, verdicts


def test_recalls_between_changes_re_execute_exactly(tmp_path: Path) -> None:
    questions = [question.question for question in sample_questions()]
    with open_memory(tmp_path, embedder="hash") as memory:
        ids = interleaved(memory, sample_turns()[:120], questions, 24)
        memory.parts.catchup.drain()
        assert verdicts(memory, ids) == {"exact": 24}
        assert furthest(memory, ids, 8) <= 1e-9
