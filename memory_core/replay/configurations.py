"""Which setting changed a recall's outcome: from the defaults, over earlier recordings, to today.

Every recording names the settings it ran under, so the log is a history of them. The recall is run
under each in turn, on the memory as it was; where two neighbours differ in outcome, their settings
are changed one by one until it flips.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from memory_core.answers import RecallResult
from memory_core.config import DECIDING, Settings
from memory_core.parts import Parts
from memory_core.replay.conditions import RERANK, Conditions, wiring
from memory_core.replay.flips import Expectation, Flip, changed_by
from memory_core.replay.recording import Recording

Values = Mapping[str, Any]


def setting_flips(
    parts: Parts, given: Conditions, expected: Expectation, history: Sequence[Recording]
) -> tuple[list[Flip], int]:
    """Return the settings that flip the outcome, and how many configurations were tried.

    Args:
        parts: of the memory.
        given: the recall's own conditions.
        expected: the outcome wanted.
        history: earlier recordings, oldest first.
    """
    whole = given.asking(extent=replace(given.extent, batches=None))
    steps, outcomes = _steps(parts, given, history), dict[str, RecallResult]()

    def ran(values: Values) -> RecallResult:
        key = str(sorted(values.items()))
        if key not in outcomes:
            outcomes[key] = _under(whole, values).run(parts)
        return outcomes[key]

    flips = [
        _blamed(one, two, ran, expected)
        for one, two in pairwise(steps)
        if expected.holds(ran(one)) != expected.holds(ran(two))
    ]
    return flips, len(steps)


def _steps(parts: Parts, given: Conditions, history: Sequence[Recording]) -> list[Values]:
    """Return the configurations in order, each once in a row."""
    today = wiring(parts)
    judged = RERANK not in given.instead.off
    known = [
        _values(Settings.model_construct(), True),
        *map(_recorded, history),
        _values(given.settings, judged),
        _values(today.settings, today.judge is not None),
    ]
    steps: list[Values] = []
    for values in known:
        filled = {**(steps[-1] if steps else {}), **values}
        if not steps or filled != steps[-1]:
            steps.append(filled)
    return steps


def _blamed(
    one: Values, two: Values, ran: Callable[[Values], RecallResult], expected: Expectation
) -> Flip:
    """Return the first setting whose change, after those before it, flips the outcome."""
    values, held = dict(one), expected.holds(ran(two))
    before = ran(values)
    for name in (name for name in two if one.get(name) != two[name]):
        before = ran(values)
        values[name] = two[name]
        if expected.holds(ran(values)) == held:
            break
    found = changed_by(before, ran(values), expected, held)
    return replace(found, setting=name, values=(one.get(name), two[name]))


def _values(settings: Settings, judged: bool) -> dict[str, Any]:
    values = {name: getattr(settings, name) for name in DECIDING if name != "metric"}
    return {**values, RERANK: "on" if judged else "off"}


def _recorded(recording: Recording) -> dict[str, Any]:
    body = recording.body
    values = {n: v for n, v in body.get("settings", {}).items() if n in DECIDING and n != "metric"}
    if "reranker" in body:
        values[RERANK] = "off" if body["reranker"] is None else "on"
    return values


def _under(given: Conditions, values: Values) -> Conditions:
    update = {name: value for name, value in values.items() if name in DECIDING}
    settings = given.settings.model_copy(update=update)
    asked = replace(given, settings=settings)
    if settings.candidates > given.settings.candidates:
        asked = asked.asking(extent=replace(asked.extent, neighbours=None))
    off = given.instead.off - {RERANK} | ({RERANK} if values[RERANK] == "off" else set())
    return replace(asked, instead=replace(given.instead, off=off))
