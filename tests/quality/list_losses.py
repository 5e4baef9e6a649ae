"""Which loss teaches a small cross-encoder most: questions about talks, answered by utterances.

    python -m tests.quality.list_losses ../shared/data/train OUT

Three layers learn the same lists by each loss at the same pace; `distill` learns from six layers
that learnt the same lists. Judged on talks that none of them saw, by the reciprocal rank of the
answer among nine hard wrong utterances, with a paired bootstrap interval against `listwise`.
"""

import argparse
from dataclasses import replace
from pathlib import Path

from memory_core.embed.registry import make_embedder
from memory_core.models.resolve import DEFAULT, resolve
from memory_core.recall.rerank_onnx import local_reranker
from memory_core.train.cross_encoder import Schedule, pair_of, reciprocal_ranks, train_cross_encoder
from memory_core.train.examples import Example, checked, read_examples, split
from memory_core.train.mining import mined
from tests.quality.scifact import CACHE, against

FILES = ("friendsqa_dev.jsonl.gz", "molweni_test.jsonl.gz")
SEED, HELD_OUT, LEARNT, JUDGED = 7, 0.2, 5, 9
STUDENT = Schedule(layers=(0, 1, 2), learning_rate=2e-4, freeze_words=True, max_length=96)
TEACHER = replace(STUDENT, layers=())


def lists_of(folder: Path) -> list[Example]:
    """Return questions with an answer and hard wrong utterances, other answers left out."""
    every = checked(one for name in FILES for one in read_examples(folder / name))
    examples = list({pair_of(one): one for one in every}.values())  # some are in several talks
    answers: dict[tuple[str, str], set[str]] = {}
    for one in examples:
        answers.setdefault((one.group, one.query), set()).add(one.positive)
    embedder = make_embedder(DEFAULT, cache_dir=CACHE)
    found = mined(examples, embedder, count=2 * JUDGED, seed=SEED)
    wrong = [
        tuple(text for text in one.negatives if text not in answers[one.group, one.query])
        for one in found
    ]
    return [replace(one, negatives=texts[:JUDGED]) for one, texts in zip(found, wrong, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    from sentence_transformers import CrossEncoder

    base = resolve(DEFAULT, cache_dir=CACHE).path
    train, held = split(lists_of(options.folder), HELD_OUT, SEED)
    train = [replace(one, negatives=one.negatives[:LEARNT]) for one in train]
    print(f"{len(train):,} lists, {len(held):,} held out", flush=True)
    teacher = train_cross_encoder(base, train, options.out / "teacher", schedule=TEACHER)
    taught = local_reranker(resolve(teacher.path, cache_dir=CACHE), CACHE, "torch")
    paths = {"teacher, six layers, listwise": teacher.path}
    for loss in ("listwise", "binary", "distill"):
        done = train_cross_encoder(
            base, train, options.out / loss, schedule=replace(STUDENT, loss=loss),
            teacher=taught.score if loss == "distill" else None,
        )  # fmt: skip
        paths[loss] = done.path
        print(f"{loss}: {done.seconds:.0f} s", flush=True)
    ranks = {
        name: reciprocal_ranks(CrossEncoder(str(path), device="cpu"), held)
        for name, path in paths.items()
    }
    for name, found in ranks.items():
        print(f"{name}: MRR {found.mean():.3f}, first {(found == 1).mean():.3f}")
        print(f"  {against(ranks['listwise'], found)}")


if __name__ == "__main__":
    main()
