"""T6: data is never run as code, whoever planted it.

Every way in is tried in a child process of its own: model directories with code or pickles, as
embedder, as cross-encoder, and as what a stranger's store or `memory.toml` names; a Chroma
directory that names an embedding function with `trust_remote_code` (CVE-2026-45829) under a seal
that fits; every file of a home replaced by a pickle; import files; texts that look like code, in
every field, through the test that a replay export writes. What runs leaves a marker. That the bait
is alive is shown first, by running it on purpose.
"""

import io
import json
import os
import pickle
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import numpy as np

from memory_core.build import open_memory
from memory_core.errors import MemoryCoreError
from memory_core.index import mark as marks
from memory_core.interchange import read
from memory_core.interchange.jsonl import NAME as JSONL
from memory_core.interchange.transfer import export_jsonl, import_records
from memory_core.proofs.bait import MODELS, Bait
from memory_core.proofs.clustered import derived_of, settled
from memory_core.proofs.nursery import READY, Nursery, say
from memory_core.proofs.plants import planted
from memory_core.proofs.row import Findings, Proof, Run
from memory_core.replay.replay import Replay

EMBEDDER = "hash:16"
CHROMA: dict[str, Any] = {"embedder": EMBEDDER, "index": "chroma", "crossover": 1}
FILES = ("journal.db", "recordings.db", "memory.toml", "*.f32", "mark", "chroma.sqlite3", "*.bin")
QUESTION = "Where does Ana live?"
REFUSED = "refused"
Case = Callable[[Path, Bait], str]
"""Plants something below a directory, uses it, and says what became of it."""


def prove_inert(run: Run, findings: Findings) -> None:
    """Try the first `run.size` ways in; no marker may appear."""
    with Nursery() as nursery:
        for kind in ("pickle", "npy", "source"):
            marker = run.place / f"alive-{kind}"
            marker.parent.mkdir(parents=True, exist_ok=True)
            nursery.life(f"{__name__}:spring", {"kind": kind, "marker": str(marker)})
            findings.check(marker.exists(), f"the bait is dead: {kind}")
        for number, name in enumerate(list(CASES)[: run.size]):
            place, marker = run.place / str(number), run.place / f"marker-{number}"
            place.mkdir()
            arguments = {
                "case": name, "place": str(place), "marker": str(marker), "plant": run.planted
            }  # fmt: skip
            life = nursery.life(f"{__name__}:meet", arguments)
            findings.injected += 1
            told = life.said[-1] if life.said else f"nothing, and ended with {life.code}"
            findings.check(not marker.exists(), f"{name}: it was run ({told})")
            findings.check(life.code == 0, f"{name}: {told}")
            if name in MUST_BE_REFUSED:
                findings.check(told.startswith(REFUSED), f"{name}: {told}")
            findings.details[name] = told
    refused = sum(str(told).startswith(REFUSED) for told in findings.details.values())
    findings.measured |= {"refused": refused, "used_as_data": findings.injected - refused}


def spring(*, kind: str, marker: str) -> None:
    """Run a bait on purpose."""
    say(READY)
    bait = Bait(Path(marker))
    if kind == "pickle":
        pickle.loads(bait.pickled)
    elif kind == "npy":
        np.load(io.BytesIO(bait.array), allow_pickle=True)
    else:
        exec(bait.source)


def meet(*, case: str, place: str, marker: str, plant: str | None) -> None:
    """Meet one planted thing in a child process and say what became of it."""
    say(READY)
    os.environ["HF_MODULES_CACHE"] = place  # a model's code, if it were taken, is copied there
    with planted(plant):
        try:
            told = CASES[case](Path(place), Bait(Path(marker)))
        except MemoryCoreError as error:
            told = f"{REFUSED}: {type(error).__name__}: {error}"
    say(told.replace(str(Path(place).parent), "").replace("\n", " ")[:300])


def _as_embedder(how: str) -> Case:
    def case(place: Path, bait: Bait) -> str:
        model = bait.model(place / "model", how)
        return _used(place / "home", embedder=str(model))

    return case


def _as_reranker(how: str) -> Case:
    def case(place: Path, bait: Bait) -> str:
        model = bait.model(place / "model", how)
        return _used(place / "home", embedder=EMBEDDER, reranker=str(model))

    return case


def _named_by_the_store(place: Path, bait: Bait) -> str:
    home = place / "home"
    _used(home, embedder=EMBEDDER)
    model = bait.model(place / "model", "a module of its own")
    connection = apsw.Connection(str(home / "journal.db"))
    connection.execute("UPDATE fingerprints SET spec = ?", (json.dumps({"embedder": str(model)}),))
    connection.close()
    return _used(home)


def _named_by_the_settings(place: Path, bait: Bait) -> str:
    home = place / "home"
    _used(home, embedder=EMBEDDER)
    model = bait.model(place / "model", "pickled weights")
    (home / "memory.toml").write_text(f"embedder = {json.dumps(str(model))}\n")
    return _used(home)


def _chroma_names_a_function(place: Path, bait: Bait) -> str:
    """Doctor a Chroma directory and seal it as its owner would."""
    home = place / "home"
    _used(home, **CHROMA)
    model = bait.model(place / "model", "a module of its own")
    function = {
        "type": "known", "name": "sentence_transformer",
        "config": {"model_name": str(model), "device": "cpu", "normalize_embeddings": False,
                   "kwargs": {"trust_remote_code": True}},
    }  # fmt: skip
    with open_memory(home, **{**CHROMA, "index": "exact"}) as memory:
        own = derived_of(memory).place
    mark = marks.read(own.chroma, own)
    connection = apsw.Connection(str(own.chroma / marks.DATA / "chroma.sqlite3"))
    for column in ("config_json_str", "schema_str"):
        for (held,) in connection.execute(f"SELECT {column} FROM collections").fetchall():
            changed = json.dumps(_naming(json.loads(str(held or "{}")), function))
            connection.execute(f"UPDATE collections SET {column} = ?", (changed,))
    connection.close()
    marks.write(own.chroma, own, mark)
    return _used(home, **CHROMA)


def _naming(held: Any, function: dict[str, Any]) -> Any:
    if isinstance(held, list):
        return [_naming(one, function) for one in held]
    if not isinstance(held, dict):
        return held
    return {
        name: function if name == "embedding_function" else _naming(value, function)
        for name, value in {"embedding_function": None, **held}.items()
    }


def _file_is_bait(pattern: str, form: str) -> Case:
    def case(place: Path, bait: Bait) -> str:
        home = place / "home"
        _used(home, **CHROMA)
        (home / "memory.toml").write_text("")
        replaced = [path for path in home.rglob(pattern) if path.is_file()]
        for path in replaced:
            path.write_bytes(getattr(bait, form))
        return f"{len(replaced)} files: {_used(home, **CHROMA)}"

    return case


def _imported(name: str, form: str | None) -> Case:
    def case(place: Path, bait: Bait) -> str:
        path = place / name
        if form is not None:
            path.write_bytes(getattr(bait, form))
        else:
            lines = [
                bait.source, f"__import__('builtins').{bait.source}", f"${{{bait.source}}}",
                "!!python/object/apply:builtins.open " + json.dumps([str(bait.marker), "a"]),
                json.dumps({"py/reduce": [{"py/type": "builtins.open"}, [str(bait.marker), "a"]]}),
            ]  # fmt: skip
            with open_memory(place / "other", embedder=EMBEDDER) as memory, path.open("w") as file:
                export_jsonl(memory, file)  # the header of a true one
                file.writelines(f"{line}\n" for line in lines)
        with open_memory(place / "home", embedder=EMBEDDER) as memory:
            done = import_records(memory, read(path, JSONL if form is None else None))
        return f"{done.stored} stored, {len(done.rejected)} rejected"

    return case


def _texts(place: Path, bait: Bait) -> str:
    """Store what looks like code in every field; export, import, freeze, and run the test."""
    breaking = (
        bait.source, f'"""\n{bait.source}\n"""', f"'''\n{bait.source}\n'''", f"\\'\n{bait.source}",
        f"{{{bait.source}}}", f"${{{bait.source}}}", f"{{{{{bait.source}}}}}", f"$({bait.source})",
    )  # fmt: skip
    with open_memory(place / "home", embedder=EMBEDDER) as memory:
        for text in breaking:
            memory.store(
                text, speaker=text[:200], session=text[:200], subject=text[:200], key=text[:200],
                metadata={"code": text[:200]}, writer=text[:200],
            )  # fmt: skip
        memory.parts.catchup.drain()
        stream = io.StringIO()
        export_jsonl(memory, stream)
        (place / "all.jsonl").write_text(stream.getvalue())
        for number, text in enumerate(breaking):
            recalled = memory.recall(text, session=text[:200])
            frozen = place / f"frozen{number}"
            Replay(memory).export(str(recalled.recall_id), frozen, expect=recalled.hits[0].id)
            for file in frozen.glob("*.py"):
                tests = runpy.run_path(str(file))
                for name, test in tests.items():
                    if name.startswith("test_"):
                        test()
    with open_memory(place / "other", embedder=EMBEDDER) as memory:
        done = import_records(memory, read(place / "all.jsonl"))
    return f"{len(breaking)} texts: {done.stored} came back"


def _used(home: Path, **settings: Any) -> str:
    """Open a home, store, recall, read its recordings; return by which path it was served."""
    with open_memory(home, **settings) as memory:
        memory.store("Ana lives in Lisbon, near the river")
        memory.parts.catchup.drain()
        if settings.get("index") == "chroma":
            settled(memory)
        result = memory.recall(QUESTION, explain=True)
        Replay(memory).playback(str(result.recall_id))
        dense = next(step for step in result.trace if step.name == "dense")
        paths = [note.text for note in dense.hits.notes if note.code == "path"]
    return f"served, {len(result.hits)} hits, {', '.join(paths)}"


CASES: dict[str, Case] = {
    "an import file that is code": _imported("memories.jsonl", None),
    "texts that look like code": _texts,
    "an import file that is a pickle": _imported("memories.json", "pickled"),
    **{f"embedder: {how}": _as_embedder(how) for how in list(MODELS)[:4]},
    **{f"reranker: {how}": _as_reranker(how) for how in list(MODELS)[:3]},
    "a model that the store names": _named_by_the_store,
    "a model that memory.toml names": _named_by_the_settings,
    "a function that Chroma's collection names": _chroma_names_a_function,
    **{f"{pattern} is a pickle": _file_is_bait(pattern, "pickled") for pattern in FILES},
    **{f"{pattern} is an npy": _file_is_bait(pattern, "array") for pattern in FILES},
    **{f"embedder: {how}": _as_embedder(how) for how in list(MODELS)[4:]},
    **{f"reranker: {how}": _as_reranker(how) for how in list(MODELS)[3:]},
}
"""Way in -> how it is tried; those that load torch before they refuse come last."""
MUST_BE_REFUSED = {
    "an import file that is a pickle", "a model that the store names",
    "a model that memory.toml names", *(f"embedder: {how}" for how in list(MODELS)[:4]),
    *(f"reranker: {how}" for how in list(MODELS)[:4]),
}  # fmt: skip

PROOFS = (Proof("T6", "what is read as data is never run as code", len(CASES), 11, prove_inert),)
