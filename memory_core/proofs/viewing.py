"""T9: whatever a memory says, the page shows it as text.

Two stores of one shape are shown in a real Chromium, one with hostile texts in every field that a
caller can fill, one with harmless letters. Every view is opened; what the page is made of, tag by
tag and attribute by attribute, must be the same for both, no script may have run, and nothing may
have been asked of anybody but the server.
"""

import random
from itertools import pairwise
from pathlib import Path
from typing import Any

from memory_core.build import open_memory
from memory_core.journal.namespaces import namespaces_of
from memory_core.proofs import needs
from memory_core.proofs.browser import Browser
from memory_core.proofs.plants import planted
from memory_core.proofs.row import Findings, Proof, Run
from memory_core.proofs.server import serving

SETTINGS: dict[str, Any] = {"embedder": "hash:16", "importance_weight": 0.0}
RUN = "top.pwned=1"
PARTS = (
    f"<script>{RUN}</script>", f"<img src=x onerror={RUN}>", f"<svg onload={RUN}>",
    f'"><svg/onload={RUN}>', f"'><img src=x onerror={RUN}>", f"</title><script>{RUN}</script>",
    f"</bdi></button><iframe srcdoc='<script>{RUN}</script>'>", f"javascript:{RUN}",
    f"<a href='javascript:{RUN}'>x</a>", "<style>*{display:none}</style>",
    "<link rel=stylesheet href=//127.0.0.1:9/x>", "<base href=//127.0.0.1:9/>",
    f"<details open ontoggle={RUN}>", "<math><mi//xlink:href='data:x,'>", f"{{{{{RUN}}}}}",
    f"${{{RUN}}}", f"`;{RUN};`", "<!--", "]]>", "<meta http-equiv=refresh content='0;url=x'>",
    "\u202e<b>\u2066", "&lt;script&gt;", f"<form><button formaction=javascript:{RUN}>",
    f"<input autofocus onfocus={RUN}>", f"<video><source onerror={RUN}>", "<plaintext>",
    "\U000e0041\U000e0042", "a" * 300, f"<object data='data:text/html,<script>{RUN}</script>'>",
    "<template><b>", f"x' onmouseover='{RUN}", f'x" style="position:fixed" onclick="{RUN}',
)  # fmt: skip
VIEWS = (
    ("1", "document.querySelectorAll('.ranking > li').length > 0"),
    ("2", "document.querySelectorAll('.way').length > 0"),
    ("3", "document.querySelector('.verdict')"),
    ("4", "document.querySelector('#other')"),
    ("5", "document.querySelectorAll('.past > li').length > 0"),
)
SHAPE = """(() => {
  const found = {};
  for (const element of document.querySelectorAll('*')) {
    const names = [...element.attributes].map((each) => each.name).sort().join(' ');
    const key = `${element.tagName} ${names}`;
    const counted = !element.closest('.bar, .legend, .terms, .ranking, .spark');
    found[key] = counted ? (found[key] ?? 0) + 1 : found[key] ?? 0;
  }
  return found;
})()"""
COMPARE = """(() => {
  const other = document.querySelector('#other');
  other.value = other.options[1].value;
  other.dispatchEvent(new Event('change'));
})()"""
ASK = """(() => {
  const field = document.querySelector('#why-not');
  field.value = WANTED;
  field.form.requestSubmit();
})()"""


def prove_viewer(run: Run, findings: Findings) -> None:
    """Show `run.size` hostile memories and as many harmless ones, and compare the pages."""
    from memory_core.serve.running import Place

    hostile = [_payload(run.random) for _ in range(run.size)]
    harmless = ["".join(run.random.choices("abcdefgh", k=12)) for _ in range(run.size)]
    shapes = {}
    with planted(run.planted), Browser() as browser:
        browser.look(1280, 860)
        for name, texts in (("harmless", harmless), ("hostile", hostile)):
            home = run.place / name
            _fill(home, texts)
            place = Place(port=0, namespace=namespaces_of(home)[0])
            with serving(home, place, settings=SETTINGS) as server:
                page = f"{server.url}/#key={server.key}"
                shapes[name] = _walk(browser, page, texts, findings)
                foreign = [a for a in browser.asked if not a.startswith(server.url)]
                findings.check(not foreign, f"the page asked {foreign[:3]}")
                browser.asked.clear()
        findings.check(not browser.said, f"the page complained: {browser.said[:3]}")
    for view, shape in shapes["hostile"].items():
        findings.check(shape == shapes["harmless"][view], f"{view}: {_differing(shapes, view)}")
    findings.injected = len(hostile)


def _payload(chance: random.Random) -> str:
    return "".join(chance.sample(PARTS, chance.randrange(1, 4)))


def _fill(home: Path, texts: list[str]) -> None:
    """Put every text into every field; the second store gets the same, letter for letter.

    The speaker has a word before it, so that no question names it: that would add a note.
    """
    namespace = texts[0][:60].replace("\x00", "")
    with open_memory(home, namespace=namespace, **SETTINGS) as memory:
        moment = "2026-01-01T10:00:00Z"
        stored = memory.store_many(
            {
                "text": f"{text} {number}", "role": "user", "speaker": f"by {text}"[:60],
                "session": text[:60], "subject": f"{number} {text}"[:60], "attribute": text[:60],
                "key": f"{text[:60]} {number}", "metadata": {text[:60]: text[:200]},
                "occurred_at": moment, "importance": 0.5,
            }
            for number, text in enumerate(texts)
        ).stored  # fmt: skip
        for first, second in pairwise([*stored, stored[0]]):  # a ring: each memory has as many
            memory.link(first.id, second.id, texts[0][:60])
        for number, (kept, text) in enumerate(zip(stored, texts, strict=True)):
            memory.revise(kept.id, text=f"{text} {number} revised")
        memory.parts.catchup.drain()
        for _ in range(2):
            memory.recall(texts[0], k=200, session=texts[0][:60], token_budget=100_000)


def _walk(browser: Browser, page: str, texts: list[str], findings: Findings) -> dict[str, Any]:
    """Open every view and return what the page is made of in each."""
    shapes = {}
    browser.open("about:blank")
    browser.open(page, VIEWS[0][1])
    shown = browser.run("document.querySelector('.question').textContent")
    findings.check(shown == texts[0], f"the question is shown as {shown[:80]!r}")
    shapes["start"] = _shape(browser)
    for key, ready in VIEWS:
        browser.press(key)
        browser.wait(ready)
        shapes[f"view {key}"] = _shape(browser)
    browser.press("4")
    browser.run(COMPARE)
    browser.wait("document.querySelector('.causes, #view .quiet')")
    browser.press("1")
    browser.run("document.querySelector('.ranking button.hit').click()")
    browser.wait("document.querySelector('#memory .facts') && document.querySelector('.fate')")
    shapes["memory"] = _shape(browser)
    quoted = browser.run("document.querySelector('#memory blockquote').textContent")
    findings.check(any(quoted.startswith(t) for t in texts), f"a text is shown as {quoted[:80]!r}")
    browser.press("Escape")
    browser.run(ASK.replace("WANTED", "'nobody ever said this'"))
    browser.wait("document.querySelector('.answer')")
    shapes["why not"] = _shape(browser)
    findings.check(not browser.run("top.pwned"), "a script of a memory ran")
    browser.open("about:blank")
    return shapes


def _shape(browser: Browser) -> dict[str, int]:
    found: dict[str, int] = browser.run(SHAPE)
    return found


def _differing(shapes: dict[str, Any], view: str) -> str:
    one, two = shapes["harmless"][view], shapes["hostile"][view]
    return str({k: (one.get(k), two.get(k)) for k in {**one, **two} if one.get(k) != two.get(k)})[
        :400
    ]


PROOFS = (Proof("T9", "the page shows every text as text", 200, 12, prove_viewer, needs.page),)
