"""U2: what a long text says at its very end is found, by its own span, with the real model."""

import random

from memory_core.build import open_memory
from memory_core.manager import MemoryManager
from memory_core.proofs import needs
from memory_core.proofs.plants import planted
from memory_core.proofs.row import Findings, Proof, Run

SHORTEST, LONGEST = 500, 200_000  # bytes
A_TEXT_MORE = 12_500  # how much longer the longest may be for each text that is tried
_SUBJECTS = (
    "The committee",
    "A neighbour",
    "My sister",
    "The teacher",
    "Our landlord",
    "The baker",
)
_VERBS = ("talked about", "asked for", "wrote down", "complained about", "planned", "remembered")
_THINGS = (
    "the budget",
    "a bus timetable",
    "the weather",
    "new curtains",
    "the election",
    "a recipe",
)
_ENDS = ("last week", "over lunch", "in the corridor", "by letter", "without much hope", "again")
_TAILS = (
    ("The spare key of the boathouse hangs behind the barometer.",
     "Where is the key to the boathouse?", "barometer"),
    ("Grandfather's violin was sold to a collector in Trieste.",
     "Who bought grandfather's violin?", "Trieste"),
    ("The allergy test came back positive for penicillin.",
     "Which medicine is the patient allergic to?", "penicillin"),
    ("Our wedding anniversary dinner will be at the Lighthouse restaurant.",
     "Where do we celebrate the anniversary?", "Lighthouse"),
    ("The password of the router is written under the aquarium.",
     "Where can I find the router password?", "aquarium"),
)  # fmt: skip


def prove_tails(run: Run, findings: Findings) -> None:
    """Store texts of growing length, each with a fact as its last sentence; ask for the fact."""
    longest = min(LONGEST, A_TEXT_MORE * run.size)
    growth = (longest / SHORTEST) ** (1 / max(run.size - 1, 1))
    spans = 0
    with planted(run.planted):
        for number in range(run.size):
            fact = _TAILS[number % len(_TAILS)]
            text = f"{_filler(run.random, int(SHORTEST * growth**number))} {fact[0]}"
            with open_memory(run.place / str(number), recordings=False) as memory:
                spans += _ask(memory, text, fact, findings)
    findings.injected = run.size
    findings.measured |= {"texts": run.size, "longest_bytes": longest, "spans": spans}


def _filler(chance: random.Random, length: int) -> str:
    """Return unremarkable sentences of about that length."""
    sentences: list[str] = []
    total = 0
    while total < length:
        parts = (_SUBJECTS, _VERBS, _THINGS, _ENDS)
        sentences.append(" ".join(chance.choice(words) for words in parts) + ".")
        total += len(sentences[-1]) + 1
    return " ".join(sentences)


def _ask(memory: MemoryManager, text: str, fact: tuple[str, str, str], findings: Findings) -> int:
    """Store the text among short ones, ask for its last sentence; return how many spans it has."""
    tail, question, marker = fact
    chance = random.Random(len(text))
    memory.store_many(_filler(chance, 200) for _ in range(20))
    stored = memory.store(text)
    memory.parts.catchup.drain()
    findings.check(memory.get(stored.id).text == text, "the text was changed")
    result = memory.recall(question, k=3, token_budget=400, record=False)
    size = f"{len(text):,} characters"
    first = result.hits[0] if result.hits else None
    findings.check(first is not None and first.id == stored.id, f"{size}: the text is not found")
    if first is not None and first.span is not None:
        part = text[first.span.start : first.span.stop]
        findings.check(marker in part, f"{size}: the span does not hold the last sentence")
    if tail in result.context:
        findings.measured["shown_in_context"] = (
            int(findings.measured.get("shown_in_context", 0)) + 1
        )
    table = memory.journal.vectors(memory.parts.embedder.fingerprint.digest)
    covered = table.spans().stop[table.spans().doc == stored.version]
    findings.check(int(covered.max()) == len(text), f"{size}: the end of the text has no vector")
    return len(covered)


PROOFS = (
    Proof("U2", "the end of a long text is found by its span", 16, 2, prove_tails,
          needs.model),
)  # fmt: skip
