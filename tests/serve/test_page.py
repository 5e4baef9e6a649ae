"""The replay page in a real Chromium: what a person can do with it, and what no memory can."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from memory_core.build import open_memory
from memory_core.proofs.browser import Browser, browser_path
from memory_core.proofs.plants import PLANTS
from memory_core.proofs.row import carry_out
from memory_core.proofs.table import PROOFS
from tests.serve.served import Served, serving

pytestmark = pytest.mark.skipif(browser_path() is None, reason="no Chromium is installed here")
FACTS = (
    "Ana drinks green tea in the morning", "Bo drinks black coffee in the morning",
    "The garden gate sticks when it rains", "Ana keeps the spare key under the fern",
    "The dentist moved to the second floor", "Bo plays the piano on Sundays",
)  # fmt: skip


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("page") / "home"
    with open_memory(home, namespace="ana", embedder="hash") as memory:
        stored = memory.store_many({"text": text, "session": "s0"} for text in FACTS).stored
        memory.link(stored[0].id, stored[1].id, "unlike")
        memory.recall("What does Ana drink in the morning?", k=3, session="monday")
        memory.recall("Where is the spare key?", k=3, session="monday")
        memory.recall("Who plays the piano?", k=3, session="tuesday")
    with serving(home) as served:
        yield served


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with Browser() as browser:
        yield browser


@pytest.fixture
def browser(served: Served, chromium: Browser) -> Iterator[Browser]:
    chromium.look(1280, 860)
    chromium.open("about:blank")
    chromium.open(
        f"{served.url}/#key={served.key}", "document.querySelectorAll('.ranking > li').length > 0"
    )
    yield chromium
    assert chromium.said == []
    assert [address for address in chromium.asked if not address.startswith(served.url)] == []


def texts(browser: Browser, selector: str) -> list[str]:
    found: list[str] = browser.run(
        f"[...document.querySelectorAll({selector!r})].map((each) => each.textContent)"
    )
    return found


def question(browser: Browser, wanted: str) -> None:
    browser.wait(f"document.querySelector('.question').textContent === {wanted!r}")


def test_the_key_leaves_the_address(browser: Browser, served: Served) -> None:
    assert served.key not in browser.run("location.href")
    assert not any(str(served.key) in address for address in browser.asked)


def test_turns_are_chosen_by_keys_and_by_hand(browser: Browser) -> None:
    assert [text.split("day")[0] for text in texts(browser, ".session")] == ["tues", "mon"]
    question(browser, "Who plays the piano?")
    browser.press("j")
    question(browser, "What does Ana drink in the morning?")
    browser.run("document.querySelector('button.turn[aria-current=true]').focus()")
    browser.press("ArrowDown")
    question(browser, "Where is the spare key?")
    assert browser.run("document.activeElement.getAttribute('aria-current')") == "true"
    browser.press("k")
    browser.press("k")
    question(browser, "Who plays the piano?")


def test_weights_move_the_ranks_and_come_back(browser: Browser) -> None:
    before = texts(browser, ".ranking .said")
    told = "document.querySelector('.told').textContent"
    slide = (
        "(() => { const s = document.querySelector('input[data-name=k]');"
        " s.value = '6'; s.dispatchEvent(new Event('input')); })()"
    )
    browser.run(slide)
    browser.wait(f"{told}.includes('→')")
    assert len(texts(browser, ".ranking > li")) == 6
    assert "new" in texts(browser, ".move")
    browser.press("r")
    browser.wait(f"{told}.startsWith('As recorded')")
    assert texts(browser, ".ranking .said") == before


def test_one_memory_is_taken_apart(browser: Browser) -> None:
    browser.press("j")
    question(browser, "What does Ana drink in the morning?")
    browser.wait("document.querySelectorAll('.ranking .hit').length === 3")
    browser.run("document.querySelector('.ranking .hit').click()")
    browser.wait("document.querySelector('#memory .fate')")
    (fate,) = texts(browser, "#memory .fate strong")
    assert fate == "recalled"
    total = float(texts(browser, "#memory tfoot td")[0])
    terms = [float(text.replace("−", "-")) for text in texts(browser, "#memory tbody td")]
    assert sum(terms) == pytest.approx(total, abs=0.003)
    assert len(texts(browser, "#memory .node")) == 2
    browser.press("Escape")
    assert browser.run("document.querySelector('#memory').hidden")


def test_why_not_names_the_stage(browser: Browser) -> None:
    browser.press("/")
    assert browser.run("document.activeElement.id") == "why-not"
    for letter in "gate":
        browser.press(letter)
    browser.press("Enter")
    browser.wait("document.querySelector('.answer .fate')")
    (told,) = texts(browser, ".answer .fate strong")
    assert told.startswith(("lost", "recalled"))
    assert "gate sticks" in texts(browser, ".answer blockquote")[0]


def test_every_view_opens(browser: Browser) -> None:
    browser.press("2")
    browser.wait("document.querySelectorAll('.way[data-recalled=yes]').length === 3")
    browser.press("3")
    browser.wait("document.querySelector('.verdict[data-exact=yes]')")
    assert "Bo plays the piano" in " ".join(texts(browser, ".records .said"))
    browser.press("4")
    browser.run(
        "(() => { const s = document.querySelector('#other'); s.value = s.options[1].value;"
        " s.dispatchEvent(new Event('change')); })()"
    )
    browser.wait("document.querySelectorAll('.shifts > li').length > 0")
    assert "question" in texts(browser, ".causes b")
    browser.press("5")
    browser.wait("document.querySelectorAll('.past > li').length === 6")
    browser.run(
        "(() => { const s = document.querySelector('#view input[type=range]'); s.value = '2';"
        " s.dispatchEvent(new Event('input')); })()"
    )
    browser.wait("document.querySelectorAll('.past > li').length === 2")


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("dark", [False, True])
def test_nothing_is_cut_off(browser: Browser, width: int, dark: bool) -> None:
    browser.look(width, 860, dark=dark)
    for key in "12345":
        browser.press(key)
        browser.wait("document.querySelector('#view').children.length > 0")
        assert browser.run("document.documentElement.scrollWidth") <= width
    paper = browser.run("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, paper[4:-1].split(","))) < 384) == dark


def test_a_new_turn_appears_by_itself(browser: Browser, served: Served) -> None:
    before = len(texts(browser, "button.turn"))
    served.ask("recall", text="What sticks when it rains?", session="tuesday")
    browser.wait(f"document.querySelectorAll('button.turn').length > {before}")


def test_without_its_key_the_page_asks_for_one(browser: Browser, served: Served) -> None:
    browser.run("sessionStorage.clear()")
    browser.open("about:blank")
    browser.open(served.url, "document.querySelector('input[type=password]')")
    browser.run(
        f"(() => {{ const f = document.querySelector('input[type=password]'); f.value = "
        f"{served.key!r}; f.form.requestSubmit(); }})()"
    )
    browser.wait("document.querySelectorAll('.ranking > li').length > 0")
    refused = [line for line in browser.said if "401" in line]
    assert len(refused) == len(browser.said)
    browser.said.clear()


@pytest.mark.parametrize(("bug", "caught"), [(None, False), ("parsed", True)])
def test_hostile_texts_stay_texts(tmp_path: Path, bug: str | None, caught: bool) -> None:
    proof = PROOFS["T9"]
    size = PLANTS[bug].size if bug else proof.short
    line = carry_out(proof, tmp_path / "home", seed=1, size=size or proof.short, planted=bug)
    assert bool(line["failures"]) == caught, line["first_failures"]
