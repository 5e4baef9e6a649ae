"""What a namespace holds, as one picture: kinds and states, sources and trust, age, importance."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from memory_core.figures import saved_figure
from memory_core.journal.codes import KINDS, SOURCES, STATES, TRUSTS
from memory_core.journal.sql import rows
from memory_core.manager import MemoryManager
from memory_core.space.pictures import COLOURS, QUIET, plain, whole_numbers
from memory_core.space.timeline import Timeline, timeline
from memory_core.space.timeline_chart import draw_areas, draw_dates

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STATE_COLOURS = [COLOURS[n] for n in (0, 6, 3, 1, 4)]
"""Live, forgotten, expired, invalidated, superseded."""
TRUST_COLOURS = [COLOURS[n] for n in (1, 3, 0, 2)]
"""Quarantined, low, normal, high."""


def write_png(memory: MemoryManager, path: Path) -> int:
    """Write the overview as PNG; return how many memories it shows, of whatever state.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    ns_id = memory.journal.identity.ns_id
    with memory.journal.database.read() as connection:
        found = rows(
            connection,
            "SELECT kind, state, source, trust, importance FROM memories"
            " WHERE ns_id = ? AND seq_to IS NULL",
            (ns_id,),
        )
    kinds, states, sources, trusts, importance = zip(*found, strict=True) if found else ((),) * 5
    with saved_figure(path, (11, 7)) as figure:
        figure.suptitle(_title(memory.namespace, states), x=0.01, ha="left", fontsize=13)
        (one, two), (three, four) = figure.subplots(2, 2)
        if not found:
            for axes in (one, two, three, four):
                axes.axis("off")
            figure.text(0.5, 0.5, "Nothing is stored yet.", ha="center", color=QUIET)
            return 0
        _crossed(one, "by kind and state", (KINDS, kinds), (STATES, states, STATE_COLOURS))
        _crossed(two, "by source and trust", (SOURCES, sources), (TRUSTS, trusts, TRUST_COLOURS))
        _grown(three, timeline(memory))
        four.hist(importance, bins=20, range=(0, 1), color=COLOURS[0], edgecolor="white")
        four.set_title("by importance", loc="left", fontsize=10.5)
        four.set_xlim(0, 1)
        whole_numbers(four.yaxis)
        plain(four)
    return len(found)


def _title(namespace: str, states: Sequence[int]) -> str:
    live = sum(state == 0 for state in states)
    shown = "".join(c if c.isprintable() else " " for c in namespace).replace("$", r"\$")[:60]
    return f"{shown}: {live:,} of {len(states):,} memories can be recalled"


def _crossed(
    axes: "Axes",
    title: str,
    bars: tuple[Sequence[str], Sequence[int]],
    parts: tuple[Sequence[str], Sequence[int], Sequence[str]],
) -> None:
    """Draw one bar a word, split by the words of another column, each in its colour."""
    names, of_bar = bars[0], np.array(bars[1])
    of_part = np.array(parts[1])
    there = [code for code in range(len(names)) if (of_bar == code).any()][::-1]
    left = np.zeros(len(there), dtype=np.int64)
    for code, name in enumerate(parts[0]):
        counts = np.array([np.sum((of_bar == bar) & (of_part == code)) for bar in there])
        if counts.any():
            axes.barh([names[bar] for bar in there], counts, left=left, height=0.6,
                      color=parts[2][code], label=str(name))  # fmt: skip
            left = left + counts
    for place, total in enumerate(left.tolist()):
        axes.annotate(f"{total:,}", (total, place), (4, 0), textcoords="offset points",
                      va="center", color=QUIET, fontsize=9)  # fmt: skip
    axes.set_title(title, loc="left", fontsize=10.5)
    spare = max(3 - len(there), 0) / 2  # few bars are no wider than many
    axes.set_ylim(-0.6 - spare, len(there) - 0.4 + spare)
    axes.margins(x=0.12)
    whole_numbers(axes.xaxis)
    plain(axes, across=False)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=5, frameon=False, fontsize=9)


def _grown(axes: "Axes", found: Timeline) -> None:
    draw_areas(axes, found)
    draw_dates(axes)
    axes.set_ylabel("")
    axes.set_title("recallable, by the time they were stored", loc="left", fontsize=10.5)
