"""U4: one model serves many threads at once, and each gets what it would have got alone.

First models of their own answer every case in one thread; that is what is expected. Others, not
loaded yet, are then used by sixteen threads that begin together: the loading, the tokenizers, the
counting and the buffers are shared while every thread has other texts in work.
"""

import random
import threading
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from memory_core.config import Settings
from memory_core.embed.base import Embedder
from memory_core.embed.registry import make_embedder
from memory_core.errors import MemoryCoreError
from memory_core.models.resolve import RERANKER, resolve
from memory_core.proofs import needs
from memory_core.proofs.plants import planted
from memory_core.proofs.row import Findings, Proof, Run
from memory_core.recall.rerank import Reranker
from memory_core.recall.rerank_onnx import local_reranker

THREADS = 16
RUNTIMES: tuple[Literal["auto", "torch"], ...] = ("auto", "torch")
"""The exported file where there is one, and torch, whose tokenizer fails two threads at once."""
TOLERANCE = 1e-5
SECONDS = 300.0
CASES = 48
_WORDS = (
    "the key",
    "a boathouse",
    "Trieste",
    "çilek",
    "雨",
    "two o'clock",
    "🙂",
    "walnuts",
    "rent",
)
_TIMES = (1, 3, 9, 40, 90)  # how many of them make a text: different lengths, some in one batch


@dataclass(frozen=True, slots=True)
class Case:
    """A question and the texts that are embedded and judged with it."""

    question: str
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Models:
    """An embedder on each runtime and a reranker; they share nothing with another `Models`."""

    embedders: tuple[Embedder, ...]
    reranker: Reranker

    def answer(self, case: Case) -> NDArray[np.float32]:
        """Return all numbers that they give for a case, one after another."""
        found = [self.reranker.score(case.question, case.texts)]
        for embedder in self.embedders:
            found.append(embedder.encode_query(case.question))
            found.append(embedder.encode_documents(case.texts).ravel())
            found.append(np.array([embedder.count(text) for text in case.texts], dtype=np.float32))
        return np.concatenate(found)


def prove_sharing(run: Run, findings: Findings) -> None:
    """Let each of sixteen threads encode and judge `run.size` cases with the same models."""
    cases = [_case(run.random) for _ in range(min(CASES, run.size * THREADS))]
    alone = _models()
    expected = [alone.answer(case) for case in cases]
    shared = _models()
    together = threading.Barrier(THREADS)
    apart: list[float] = []

    def work(number: int) -> None:
        together.wait()
        for turn in range(run.size):
            place = (number + turn * 7) % len(cases)
            try:
                found = shared.answer(cases[place])
            except (MemoryCoreError, RuntimeError, ValueError, IndexError) as error:
                findings.check(False, f"thread {number}: {type(error).__name__}: {error}")
                continue
            far = float(np.abs(found - expected[place]).max())
            apart.append(far)
            findings.check(far <= TOLERANCE, f"thread {number}: {far:.2g} from what it gives alone")

    threads = [threading.Thread(target=work, args=(n,), daemon=True) for n in range(THREADS)]
    with planted(run.planted):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SECONDS)
    findings.check(not any(thread.is_alive() for thread in threads), "a thread hangs")
    findings.injected = len(apart)
    findings.measured |= {"threads": THREADS, "furthest_apart": f"{max(apart, default=0.0):.1e}"}


def _case(chance: random.Random) -> Case:
    texts = (
        " ".join(chance.choice(_WORDS) for _ in range(chance.choice(_TIMES)))
        for _ in range(chance.randrange(1, 4))
    )
    return Case(" ".join(chance.sample(_WORDS, 4)) + "?", tuple(texts))


def _models() -> Models:
    settings = Settings()
    cache = settings.models_dir.expanduser()
    embedders = (
        make_embedder(settings.embedder, cache_dir=cache, runtime=runtime)
        for runtime in RUNTIMES
        if runtime == "auto" or find_spec("sentence_transformers")
    )
    return Models(tuple(embedders), local_reranker(resolve(RERANKER, cache_dir=cache), cache))


PROOFS = (
    Proof("U4", "threads that share a model get what one gets alone", 60, 3, prove_sharing,
          needs.model),
)  # fmt: skip
