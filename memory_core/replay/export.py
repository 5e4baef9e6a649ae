"""Freezes one recorded turn as a regression test: a Python file and its data beside it.

    test_recall_<id>.py     reads the data, ranks again, compares; plain pytest, no model
    test_recall_<id>.json   what decides the ranking, see `memory_core.replay.frozen`

Before anything is written the data is thawed and ranked once. Where leaving texts out changes the
ranking, all are kept; where that does not help either, there is nothing to freeze.
"""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memory_core.answers import RecallResult
from memory_core.errors import InvalidInput, StoreReadOnly
from memory_core.journal.where import number_of
from memory_core.parts import Parts
from memory_core.replay.conditions import conditions_of, wiring
from memory_core.replay.freezing import Freezing, freeze
from memory_core.replay.frozen import FrozenTurn, Hand
from memory_core.replay.playback import playback
from memory_core.replay.printed import Printed
from memory_core.replay.recording import Recording
from memory_core.replay.reexecute import first_difference, reexecute

TEST = '''"""Recall {id} of memory-core, frozen: {what}."""

from pathlib import Path

from memory_core.testing import thawed

DATA = Path(__file__).with_suffix(".json")


def test_it_ranks_as_recorded():
    with thawed(DATA) as turn:
        assert turn.recalled == turn.recorded
'''


@dataclass(frozen=True, slots=True)
class Wish:
    """What a frozen turn should show beside the recorded ranking."""

    expect: str | None = None
    """A memory that it should recall."""
    expect_not: str | None = None
    """A memory that it should not."""
    settings: Mapping[str, Any] | None = None
    """The settings under which that holds."""


@dataclass(frozen=True, slots=True)
class Exported(Printed):
    """The files written."""

    test: Path
    data: Path
    whole: bool
    """Whether every text is in the data: leaving some out would have changed the ranking."""
    redacted: bool

    def __str__(self) -> str:
        """Tell the files and how to run them."""
        texts = "every text" if self.whole else "the texts that can take part"
        words = ", their words replaced" if self.redacted else ""
        return f"{self.test}\n{self.data}: {texts}{words}\nrun: pytest {self.test}"


def export(
    parts: Parts, recording: Recording, folder: Path, *, wish: Wish, redact: bool = False
) -> Exported:
    """Write a recorded turn as a regression test.

    Args:
        parts: of the memory.
        recording: the turn.
        folder: where the two files go; made if it is not there.
        wish: what the test should show beside the recorded ranking.
        redact: replace every word by another; vectors, times and ids stay.

    Raises:
        InvalidInput: the recall does not re-execute exactly, or the wish does not hold.
        StoreReadOnly: the folder cannot be written.
    """
    again = reexecute(parts, recording)
    if not again.exact:
        raise InvalidInput(
            f"recall {recording.id} cannot be frozen, {again.verdict}; see: memory replay reexecute"
        )
    data, whole = _frozen(parts, recording, redact=redact)
    _check(parts, data, wish)
    text = TEST.format(id=recording.id, what="redacted" if redact else "its memories and vectors")
    text += _expected(wish)
    test = folder / f"test_recall_{recording.id}.py"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        test.write_text(text, encoding="utf-8")
        test.with_suffix(".json").write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")
    except OSError as error:
        raise StoreReadOnly(f"{folder} cannot be written: {error}; name another folder") from error
    return Exported(test, test.with_suffix(".json"), whole, redact)


def _frozen(parts: Parts, recording: Recording, *, redact: bool) -> tuple[dict[str, Any], bool]:
    run, conditions = playback(recording), conditions_of(parts, recording)
    difference = ""
    for whole in (False, True):
        data = freeze(parts, Freezing(run, conditions, redact, whole))
        if not (difference := first_difference(run, thawed_in(parts, data))):
            return data, whole
    raise InvalidInput(
        f"recall {recording.id} cannot be frozen{' redacted' if redact else ''}: {difference}"
        + ("; export it without redaction" if redact else "; tell us, this should not happen")
    )


def thawed_in(
    parts: Parts, data: Mapping[str, Any], settings: Mapping[str, Any] | None = None
) -> RecallResult:
    """Return what frozen data recalls in an empty home of its own."""
    turn, clock = FrozenTurn(data), Hand()
    with (
        tempfile.TemporaryDirectory() as home,
        wiring(parts).elsewhere(Path(home) / "home", turn.embedder, clock) as other,
    ):
        turn.thaw(other, clock)
        return turn.recall(other, settings=settings)


def _check(parts: Parts, data: Mapping[str, Any], wish: Wish) -> None:
    """Refuse a wish that does not hold: the test would fail from the beginning."""
    for id, wanted in ((wish.expect, True), (wish.expect_not, False)):
        if id is None:
            continue
        if number_of(id) < 0:
            raise InvalidInput(f"{id!r} is no memory's id; find it with: memory replay why-not")
        result = thawed_in(parts, data, wish.settings)
        if (id in [hit.id for hit in result.hits]) is not wanted:
            state = "not recalled" if wanted else "recalled"
            told = f" with {dict(wish.settings)}" if wish.settings else ""
            raise InvalidInput(
                f"{id} is {state}{told}, so the test would fail; find settings under which it "
                "holds with: memory replay what-if"
            )


def _expected(wish: Wish) -> str:
    text = ""
    given = "".join(f", {name}={value!r}" for name, value in (wish.settings or {}).items())
    for id, wanted in ((wish.expect, True), (wish.expect_not, False)):
        if id is not None:
            name = f"test_{id}_is_{'' if wanted else 'not_'}recalled"
            text += (
                f"\n\ndef {name}():\n    with thawed(DATA{given}) as turn:\n"
                f"        assert {id!r} {'in' if wanted else 'not in'} turn.recalled\n"
            )
    return text
