"""Timelines, links and overviews: right counts, every size, and no way out for hostile texts."""

import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from memory_core.errors import InvalidInput
from memory_core.manager import MemoryManager
from memory_core.space import links_page, overview, timeline_chart
from memory_core.space.links import drawing
from memory_core.space.pictures import files_of
from memory_core.space.timeline import edges_of, timeline
from memory_core.testing import ManualClock, temporary_memory

START = datetime(2026, 3, 1, tzinfo=UTC)
HOSTILE = "</title></svg><script>alert(1)</script>\"' onload=x <img src=//a.example/b> \u202e \x00"


class Page(HTMLParser):
    """The tags of a page and their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def harmless(file: Path, scripts: int) -> Page:
    text = file.read_text(encoding="utf-8")
    page = Page(text)
    assert {"img", "iframe", "link", "object", "base"}.isdisjoint(tag for tag, _ in page.tags)
    assert len(page.named("script")) == scripts
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")], tag
        assert not {"src", "href"} & set(attributes), tag
    assert "default-src 'none'" in (page.named("meta")[1]["content"] or "")
    assert "\u202e" not in text
    assert "\x00" not in text
    return page


def lived(memory: MemoryManager, clock: ManualClock) -> list[str]:
    ids = []
    for day in range(40):
        ids.append(memory.store(f"day {day}", kind="semantic" if day % 4 == 0 else "episodic").id)
        clock.advance(days=1)
    memory.reinforce(ids[0])
    memory.forget(ids[1])
    memory.supersede(ids[2], "day 2 again")
    memory.erase(ids[3])
    return ids


def test_a_timeline_counts_what_happened_when() -> None:
    clock = ManualClock(START)
    with temporary_memory(clock=clock) as memory:
        lived(memory, clock)
        found = timeline(memory)
        assert found.totals == {"stored": 41, "reinforced": 1, "retired": 2, "removed": 1}
        assert found.now == len(memory.list()) == 38
        assert found.happened["stored"].max() == 1
        before = found.there["episodic"] + found.there["semantic"]
        assert before[:40].tolist() == [1, 2, 3, *range(3, 40)]  # nothing is known of the erased
        spoken = timeline(memory, axis="event")
        assert spoken.totals == {"stored": 40, "reinforced": 1, "retired": 2, "removed": 0}
        assert spoken.now == 38
        with pytest.raises(InvalidInput, match="neither 'store' nor 'event'"):
            timeline(memory, axis="moon")  # type: ignore[arg-type]


@pytest.mark.parametrize("days", [0, 0.001, 1, 30, 400, 20_000, 700_000])
def test_bins_hold_every_moment_and_are_few(days: float) -> None:
    moments = np.array([5, round(days * 86_400e6) + 5], dtype=np.int64)
    edges = edges_of(moments)
    assert 12 <= len(edges) - 1 <= 81
    assert edges[0] <= moments.min() and moments.max() < edges[-1]
    assert len(set(np.diff(edges).tolist())) == 1


@pytest.mark.parametrize("count", [0, 1, 30])
def test_every_size_has_its_pictures(count: int, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    with temporary_memory() as memory:
        memory.store_many([f"number {n}" for n in range(count)])
        found, drawn = timeline(memory), drawing(memory)
        assert overview.write_png(memory, tmp_path / "o.png") == count
    timeline_chart.write_png(found, tmp_path / "t.png")
    timeline_chart.write_page(found, tmp_path / "t.html")
    links_page.write_page(drawn, tmp_path / "g.html")
    for name in ("o.png", "t.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    harmless(tmp_path / "t.html", 0)
    page = harmless(tmp_path / "g.html", 1)
    assert len(page.named("circle")) == count
    assert ("Nothing is stored yet" in (tmp_path / "g.html").read_text()) == (count == 0)


def test_the_page_of_links_says_what_is_linked_and_how(tmp_path: Path) -> None:
    with temporary_memory() as memory:
        one, two = memory.store("Ana", kind="semantic"), memory.store("Lisbon")
        alone = memory.store("a fern")
        memory.link(one.id, two.id, "lives in")
        memory.supersede(two.id, "Porto", valid_from=datetime.now(UTC) + timedelta(days=1))
        drawn = drawing(memory)
        links_page.write_page(drawn, tmp_path / "g.html")
    page = harmless(tmp_path / "g.html", 1)
    ends = {(line["data-a"], line["data-b"]) for line in page.named("line")}
    assert (one.id, two.id) in ends
    assert len(ends) == 2
    shown = {group["data-id"] for group in page.named("g")}
    assert {one.id, two.id, alone.id} < shown
    text = (tmp_path / "g.html").read_text()
    assert "lives in (1)" in text and "supersedes (1)" in text
    colours = {circle["fill"] for circle in page.named("circle")}
    assert colours == {links_page.KIND_COLOURS["semantic"], links_page.KIND_COLOURS["episodic"]}
    places = list(drawn.places.values())
    assert len(set(places)) == len(places)


def test_a_large_store_is_cut_to_what_hangs_together(tmp_path: Path) -> None:
    with temporary_memory() as memory:
        report = memory.store_many([f"number {n}" for n in range(60)])
        ids = [one.id for one in report.stored]
        for n in range(1, 8):
            memory.link(ids[0], ids[n], "near")
        memory.link(ids[20], ids[21], "near")
        drawn = drawing(memory, most=10)
        assert {one.id for one in drawn.memories} == {*ids[:8], ids[20], ids[21]}
        assert drawn.left_out == (50, 0)
        hub = drawing(memory, most=4)
        assert ids[0] in {one.id for one in hub.memories}
        assert (len(hub.memories), len(hub.links), hub.left_out) == (4, 3, (56, 5))
        assert drawing(memory, most=10).places == drawn.places
        links_page.write_page(hub, tmp_path / "g.html")
        with pytest.raises(InvalidInput, match="most"):
            drawing(memory, most=0)
    assert "Left out: 56 memories" in (tmp_path / "g.html").read_text()


def test_hostile_texts_stay_texts(tmp_path: Path) -> None:
    with temporary_memory() as memory:
        one = memory.store(HOSTILE, speaker="<b>Ana", session="<s>")
        two = memory.store("plain")
        memory.link(one.id, two.id, "<script>x</script>")
        links_page.write_page(drawing(memory), tmp_path / "g.html")
    page = harmless(tmp_path / "g.html", 1)
    told = next(g["data-told"] for g in page.named("g") if g["data-id"] == one.id)
    assert told is not None and "<script>alert(1)</script>" in told
    policy = page.named("meta")[1]["content"] or ""
    assert re.search(r"script-src 'sha256-[\w+/]+='", policy)


def test_files_are_named_before_anything_is_read(tmp_path: Path) -> None:
    assert files_of(tmp_path / "x") == [tmp_path / "x.png", tmp_path / "x.html"]
    with pytest.raises(InvalidInput, match=r"does not end in \.png"):
        files_of(tmp_path / "x.html", (".png",))
    with pytest.raises(InvalidInput, match="no directory"):
        files_of(tmp_path / "no" / "x.png")
