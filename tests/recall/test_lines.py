from hypothesis import given
from hypothesis import strategies as st

from memory_core.lifecycle.summarizer import ExtractiveSummarizer
from memory_core.recall.folding import lines_record
from memory_core.recall.lines import line_in, sentences
from memory_core.recall.pack import render
from tests.recall.test_pack import TEXTS
from tests.recall.world import Said, World


@given(st.lists(TEXTS.filter(str.strip), min_size=1, max_size=5), st.floats(0.2, 1))
def test_a_line_is_whole_sentences_of_its_source(texts: list[str], keep: float) -> None:
    world = World([Said(text) for text in texts])
    memories = [world.memory(n) for n in range(1, len(texts) + 1)]
    derived = ExtractiveSummarizer(keep=keep)(memories)
    for memory in memories:
        line = line_in(derived, memory)
        if line is not None:
            left = line.removeprefix("Ana: ")
            assert all(word in memory.text for word in left.split())
            assert "\n" not in render({"lines": line})


def test_words_that_nobody_said_so_are_no_line() -> None:
    memory = World([Said("I did not move. I stay in Porto. Really!")]).memory(1)
    assert sentences(memory.text) == ["I did not move.", "I stay in Porto.", "Really!"]
    assert line_in("Ana: I did not move. Really!", memory) == "Ana: I did not move. Really!"
    for other in (
        "Ana: I did move.",
        "Bob: I did not move.",
        "Ana: Really! I did not move.",
        "Ana: I stay in Porto. I did not move.",
        "Ana: ",
        "Ana moved.",
    ):
        assert line_in(other, memory) is None


def test_a_record_shows_lines_in_the_order_they_were_said() -> None:
    derived = World([Said("Ana: One.\nBob: Two.\nAna: Three.")]).memory(1)
    record = lines_record(derived, ["Ana: Three.", "Ana: One."])
    assert record["lines"] == "Ana: One.\nAna: Three."
