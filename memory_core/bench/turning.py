"""What the two hooks cost a turn, beyond the recall and the store they make.

Two stores of the same texts take turns: one is used through `MemoryHooks`, the other by a bare
`recall` and `store_many` of the same turn, with the same budget.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial

from memory_core.bench.figure import Figure, Run, Spent, Target, spread_of
from memory_core.bench.filling import Filling, embedder_of, wait_for_index
from memory_core.hooks import MemoryHooks
from memory_core.manager import MemoryManager

OVERHEAD = Target("ratio", 1.1)
BUDGET = 800
_WARM_UP = 5
_SESSION = 20  # turns


def bench_turn(run: Run) -> Iterator[Figure]:
    """Measure `before_turn` plus `after_turn` at the smallest size of the run."""
    filling = Filling(run, embedder_of(run))
    size = min(run.sizes)
    homes = [run.place / name for name in ("hooked", "bare")]
    for home in homes:
        filling.fill(home, size)
    questions = filling.corpus.questions(run.recalls + _WARM_UP)
    hooked: list[Spent] = []
    bare: list[Spent] = []
    with ExitStack() as stack:
        ours, theirs = (stack.enter_context(filling.open(home)) for home in homes)
        for memory in (ours, theirs):
            wait_for_index(memory)
        hooks = _hooks(ours, 0)
        for place, question in enumerate(questions):
            run.tell(f"turn {place + 1} of {len(questions)}")
            hooks = _hooks(ours, place) if place % _SESSION == 0 else hooks
            reply = f"I noted what you asked about in turn {place}, and will come back to it."
            sides = [(hooked, partial(_hooked, hooks)), (bare, partial(_bare, theirs))]
            for spent, turn in sides[:: 1 if place % 2 else -1]:
                begun = Spent.now()
                turn(question, reply)
                spent.append(Spent.now() - begun)
    yield _figure(size, hooked[_WARM_UP:], bare[_WARM_UP:])


def _hooks(memory: MemoryManager, place: int) -> MemoryHooks:
    return MemoryHooks(memory, session=f"s{place}", token_budget=BUDGET, summarise=None)


def _hooked(hooks: MemoryHooks, question: str, reply: str) -> None:
    hooks.before_turn(question)
    hooks.after_turn(question, reply)


def _bare(memory: MemoryManager, question: str, reply: str) -> None:
    memory.recall(question, token_budget=BUDGET, session="s")
    memory.store_many(
        {"text": text, "role": role, "source": role, "session": "s"}
        for text, role in ((question, "user"), (reply, "assistant"))
    )


def _figure(size: int, hooked: Sequence[Spent], bare: Sequence[Spent]) -> Figure:
    spread, floor = (spread_of([one.wall for one in side]) for side in (hooked, bare))
    ours, theirs = (spread_of([one.processor for one in side])["p50"] for side in (hooked, bare))
    return Figure(
        f"turn.{size}", spread.pop("p50"), "ms", floor["p50"], len(hooked),
        target=OVERHEAD, spread=spread,
        how=f"before_turn and after_turn; processor {ours:.2f} of {theirs:.2f} ms, "
        f"{ours / theirs:.2f} times; floor: a bare recall and store_many of the same turn",
    )  # fmt: skip
