"""All haystacks of a task in one namespace: the same questions among many more memories.

A session that stands in several haystacks is stored once, preferably as the haystack has it
that it answers, since the same session is dated differently in different haystacks. Sessions get
names of their own, so that two haystacks' first sessions stay two.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from memory_core.evals.task import Haystack, Question
from memory_core.interchange.base import digest
from memory_core.types import Draft

NAME = "pooled"

Session = tuple[Draft, ...]


def pooled(haystacks: Iterable[Haystack]) -> Haystack:
    """Return one haystack with the drafts and questions of all."""
    every = list(haystacks)
    kept: dict[str, Session] = {}
    for gold_first in (True, False):
        for haystack in every:
            gold = {name for asked in haystack.questions for name in asked.gold["session"]}
            for name, session in _sessions(haystack):
                if (name in gold) is gold_first:
                    kept.setdefault(_identity(haystack, name, session), session)
    questions = [asked for haystack in every for asked in _renamed(haystack, kept)]
    drafts = [
        draft.model_copy(update={"session": _short(identity)})
        for identity, session in kept.items()
        for draft in session
    ]
    labels = frozenset().union(*(haystack.labels for haystack in every))
    return Haystack(NAME, tuple(drafts), tuple(questions), labels)


def _renamed(haystack: Haystack, kept: Mapping[str, Session]) -> list[Question]:
    sessions: dict[str, str] = {}
    keys: dict[str, str] = {}
    for name, session in _sessions(haystack):
        identity = _identity(haystack, name, session)
        sessions[name] = _short(identity)
        for mine, stored in zip(session, kept[identity], strict=True):
            keys[mine.key or ""] = stored.key or ""
    return [
        replace(
            asked,
            gold={
                "session": frozenset(sessions[name] for name in asked.gold["session"]),
                "turn": frozenset(keys[key] for key in asked.gold["turn"]),
            },
        )
        for asked in haystack.questions
    ]


def _sessions(haystack: Haystack) -> Iterable[tuple[str, Session]]:
    for name, run in groupby(haystack.drafts, lambda draft: draft.session or ""):
        yield name, tuple(run)


def _identity(haystack: Haystack, name: str, session: Sequence[Draft]) -> str:
    """Return what tells a session from others: its published id and words, or its haystack."""
    if (published := haystack.published.get(name)) is None:
        return f"{haystack.name}/{name}"
    return f"{published}/{digest([draft.text for draft in session])}"


def _short(identity: str) -> str:
    return f"session-{digest(identity)}"
