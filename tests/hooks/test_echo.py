"""The feedback-loop guard: what was injected is found again however it is dressed."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory_core.hooks.echo import GAP, KEPT, EchoGuard, Fresh

ID, OTHER = "0123456789abcdef", "fedcba9876543210"
FACT = "The flight of TAP from Lisbon to Porto leaves at 9:40 on Friday"


def guard(*texts: str) -> EchoGuard:
    known = EchoGuard()
    for id, text in zip((ID, OTHER), texts, strict=False):
        known.remember(id, text)
    return known


@pytest.mark.parametrize(
    "said",
    [
        FACT,
        FACT.upper() + "!!",
        "  the flight of tap,\nfrom Lisbon -- to Porto; leaves at 9:40 on friday.",
        f"“{FACT}”",
        f"Yes: {FACT}.",
        f"<memory-{ID}>\nheader\n{FACT}\n</memory-{ID}>",
        f'{{"id":"{ID}","time":"2026-01-01T00:00Z","source":"user","trust":"normal","text":"x"}}',
    ],
)
@pytest.mark.parametrize("strict", [True, False])
def test_a_whole_repeat_leaves_nothing(said: str, strict: bool) -> None:
    assert guard(FACT).fresh(said, strict=strict).text.strip() == ""


def test_a_part_is_taken_from_a_reply_and_kept_in_the_users_words() -> None:
    said = "So the flight of TAP from Lisbon to Porto leaves at 9:55 now"
    known = guard(FACT)
    assert known.fresh(said, strict=False) == Fresh(said, (ID,))
    assert known.fresh(said, strict=True) == Fresh(f"So {GAP} 9:55 now", (ID,))


def test_short_common_runs_are_only_linked() -> None:
    said = "It leaves at 9:40 on Friday, hurry"
    assert guard(FACT).fresh(said, strict=True) == Fresh(said, (ID,))


def test_what_shares_no_run_is_untouched() -> None:
    said = "The flight to Porto was cancelled  on Friday\n"
    assert guard(FACT).fresh(said, strict=True) == Fresh(said, ())
    assert EchoGuard().fresh(said, strict=True) == Fresh(said, ())


def test_the_end_of_a_text_that_is_a_shorter_sentence_is_no_longer_one() -> None:
    known = guard("green tea. Green tea in the morning")
    assert known.fresh("I said green tea", strict=False).text == "I said green tea"


def test_each_memory_is_named_once_in_order() -> None:
    known = guard("Rex eats at seven", "The gate code is 4471")
    said = "The gate code is 4471, Rex eats at seven, and again: Rex eats at seven. Be there by six"
    fresh = known.fresh(said, strict=True)
    assert fresh.quotes == (OTHER, ID)
    assert fresh.text == f"{GAP}, {GAP}, and again: {GAP}. Be there by six"


def test_a_number_left_over_is_news() -> None:
    known = guard("Your table is booked for tonight at eight")
    said = "Your table is booked for tonight at eight: 12"
    assert known.fresh(said, strict=True).text == f"{GAP}: 12"


def test_a_script_without_blanks_is_compared_by_characters() -> None:
    known = guard("大門の暗証番号は四四七一です。")
    fresh = known.fresh("はい、大門の暗証番号は四四七一です。", strict=False)
    assert fresh.text == f"はい、{GAP}。"


def test_other_json_lines_are_kept() -> None:
    said = '{"id":"a1b2c3d4e5f60718","name":"Ana"}'
    assert guard(FACT).fresh(said, strict=True).text == said


def test_only_the_latest_are_remembered() -> None:
    known = EchoGuard()
    for n in range(KEPT + 2):
        known.remember(f"{n:016x}", f"Box number {n} is on the shelf")
    assert len(known) == KEPT
    assert known.fresh("Box number 0 is on the shelf", strict=True).text
    assert not known.fresh(f"Box number {KEPT + 1} is on the shelf", strict=True).text
    known.clear()
    assert known.fresh(f"Box number {KEPT + 1} is on the shelf", strict=True).text


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=60), max_size=4), st.text(max_size=200), st.booleans())
def test_nothing_raises_and_nothing_new_is_invented(
    known: list[str], said: str, strict: bool
) -> None:
    watching = EchoGuard()
    for n, text in enumerate(known):
        watching.remember(f"{n:016x}", text)
    fresh = watching.fresh(said, strict=strict)
    at = 0
    for piece in fresh.text.split(GAP):
        found = said.find(piece, at)
        assert found >= 0
        at = found + len(piece)


def test_long_texts_take_linear_time() -> None:
    known = guard(" ".join(f"word{n}" for n in range(400)))
    texts = [" ".join(f"word{n % 390}" for n in range(size)) for size in (2_000, 16_000)]
    seconds = []
    for text in texts:
        tries = []
        for _ in range(3):  # the collector may take a tenth of a second in any one
            begun = time.process_time()
            known.fresh(text, strict=True)
            tries.append(time.process_time() - begun)
        seconds.append(min(tries))
    assert seconds[1] < 40 * max(seconds[0], 0.002)
