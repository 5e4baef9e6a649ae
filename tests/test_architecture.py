"""The shape of the code: layers, size budgets, public names, light import."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import memory_core

ROOT = Path(memory_core.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
MAX_LINES, MAX_FUNCTION, MAX_METHODS, MAX_POSITIONAL = 350, 40, 12, 4
MANY_METHODS = {
    "MemoryManager": 18,
    "AsyncMemoryManager": 18,
    "Machine": 20,  # rules of C2
    "CrewStorage": 15,
}  # of their protocol

FLOORS: tuple[tuple[str, ...], ...] = (
    (
        "version", "errors", "limits", "media", "moments", "types", "filters", "answers", "tokens",
        "passage", "forking", "wording",
    ),
    ("terms", "metric", "chunk", "config", "journal", "embed", "models", "tracing", "figures"),
    ("index", "train"),
    ("recall",),
    ("parts", "keyed", "lineage", "attaching", "writing", "batches", "asking", "manager"),
    ("replay", "hooks", "aio", "build", "lifecycle", "serving"),
    ("migrate",),
    ("evals", "space", "testing", "samples", "interchange", "proofs", "bench"),
    ("serve",),
)  # fmt: skip
"""Lowest first: a module imports only from its own package and from floors below."""
MAY_USE = {
    ("journal", "terms"), ("embed", "models"), ("parts", "journal"), ("manager", "asking"),
    ("manager", "writing"), ("manager", "batches"), ("manager", "parts"), ("batches", "writing"),
    ("batches", "parts"), ("asking", "parts"), ("writing", "parts"),
    ("writing", "keyed"), ("writing", "lineage"), ("build", "lifecycle"),
    ("build", "replay"), ("build", "serving"), ("answers", "filters"), ("answers", "types"),
    ("types", "limits"), ("types", "media"), ("types", "moments"), ("media", "limits"),
    ("media", "errors"), ("attaching", "parts"), ("writing", "attaching"),
    ("manager", "attaching"),
    ("types", "errors"), ("limits", "errors"), ("filters", "limits"), ("filters", "errors"),
    ("filters", "types"), ("tokens", "errors"), ("proofs", "interchange"), ("proofs", "serve"),
    ("passage", "types"), ("bench", "samples"), ("bench", "interchange"),
    ("evals", "interchange"), ("evals", "bench"), ("evals", "samples"),
}  # fmt: skip
"""The few steps within a floor."""
GIVEN_SHAPES = {"settings_customise_sources", "chain"}
"""A library's signature, and the hash that takes every column of an entry."""
HEAVY = {"torch", "chromadb", "sentence_transformers", "networkx", "tiktoken", "transformers"}
ONLY_IN = {
    "chromadb": ("index/chroma",),
    "faiss": ("index/faiss_index",),
    "apsw": ("journal/", "replay/recording", "proofs/", "bench/"),
    "opentelemetry": ("tracing",),
    "torch": ("train/", "embed/sentence_transformers", "recall/rerank", "models/export"),
    "sentence_transformers": ("train/", "embed/sentence_transformers", "recall/rerank"),
}


ADAPTERS = sorted((ROOT.parent / "adapters" / "memory_adapters").glob("*.py"))
SHARED = {"extras", "shelf", "log", "conversations"}


@pytest.mark.parametrize("path", ADAPTERS, ids=lambda p: p.name)
def test_adapters_use_public_names_and_not_each_other(path: Path) -> None:
    for names in imports(ast.parse(path.read_text())):
        if names[0] == "memory_core":
            assert len(names) == 2, f"{path.name} imports {'.'.join(names)}"
            assert names[1] in memory_core.__all__, f"{path.name} imports {names[1]}"
        if names[0] == "memory_adapters":
            assert names[1] in SHARED, f"{path.name} imports {names[1]}"


def floor_of(package: str) -> int:
    return next(n for n, floor in enumerate(FLOORS) if package in floor)


def package_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(tree: ast.AST) -> Iterator[tuple[str, ...]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            if node.module == "memory_core":
                yield from (("memory_core", alias.name) for alias in node.names)
            else:
                yield tuple(node.module.split("."))
        elif isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_layers(path: Path) -> None:
    ours = package_of(path)
    if ours == "__init__":
        return
    for names in imports(ast.parse(path.read_text())):
        if names[0] != "memory_core" or len(names) < 2 or names[1].startswith("__"):
            continue
        theirs = names[1]
        allowed = theirs == ours or floor_of(theirs) < floor_of(ours) or (ours, theirs) in MAY_USE
        assert allowed, f"{ours} (floor {floor_of(ours)}) imports {theirs}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_libraries_stay_where_they_belong(path: Path) -> None:
    place = str(path.relative_to(ROOT))
    for names in imports(ast.parse(path.read_text())):
        homes = ONLY_IN.get(names[0])
        assert homes is None or place.startswith(homes), f"{place} imports {names[0]}"


@pytest.mark.parametrize("path", [*FILES, *ADAPTERS], ids=lambda p: "/".join(p.parts[-2:]))
def test_sizes(path: Path) -> None:
    source = path.read_text()
    assert len(source.splitlines()) <= MAX_LINES
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            doc = ast.get_docstring(node, clean=False)
            lines = (node.end_lineno or 0) - node.lineno + 1 - (doc.count("\n") + 1 if doc else 0)
            assert lines <= MAX_FUNCTION, f"{node.name} has {lines} lines"
            names = [arg.arg for arg in node.args.args if arg.arg not in ("self", "cls")]
            if not place_is_command(path) and node.name not in GIVEN_SHAPES:
                assert len(names) <= MAX_POSITIONAL, f"{node.name} takes {len(names)} by position"
        if isinstance(node, ast.ClassDef):
            public = [
                item.name
                for item in node.body
                if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)
                and not item.name.startswith("_")
                and not any("property" in ast.unparse(d) for d in item.decorator_list)
            ]
            limit = MANY_METHODS.get(node.name, MAX_METHODS)
            assert len(public) <= limit, f"{node.name} has {len(public)} public methods"


def place_is_command(path: Path) -> bool:
    """Commands declare their options as parameters: those are named on the command line."""
    return "serve/cli" in str(path)


def test_public_names_are_sorted_and_there() -> None:
    assert memory_core.__all__ == sorted(memory_core.__all__)
    for name in memory_core.__all__:
        assert getattr(memory_core, name) is not None
    with pytest.raises(AttributeError):
        memory_core.nonsense  # noqa: B018


@pytest.mark.parametrize(
    "statement",
    ["import memory_core", "from memory_core import open_memory, MemoryHooks, AsyncMemoryManager"],
)
def test_import_is_light(statement: str) -> None:
    code = f"import sys; {statement}; print(*sorted(set(sys.modules) & {HEAVY!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
