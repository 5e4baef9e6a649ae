"""Spans name what was done and lead to its replay; texts are in none unless asked for."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from memory_core import AsyncMemoryManager, open_memory
from memory_core.errors import NotFound
from memory_core.replay import Replay


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    return exporter


def finished(spans: InMemorySpanExporter) -> list[tuple[str, dict[str, Any]]]:
    return [(span.name, dict(span.attributes or {})) for span in spans.get_finished_spans()]


def test_each_verb_is_a_span_without_texts(spans: InMemorySpanExporter, tmp_path: Path) -> None:
    with open_memory(tmp_path, embedder="hash", namespace="ana", tracing="spans") as memory:
        tea = memory.store("Ana drinks tea")
        memory.store_many(["Bo drinks coffee", ""])
        result = memory.recall("what does Ana drink")
        memory.revise(tea.id, text="Ana drinks white tea")
        memory.forget(id=tea.id)
        memory.erase(tea.id)
        with pytest.raises(NotFound):
            memory.forget("00000000000000aa")
        found = finished(spans)
        assert Replay(memory).list(10) == ()  # erased with what it showed
    assert [name for name, _ in found] == [
        "upsert_memory", "upsert_memory", "search_memory", "update_memory", "delete_memory",
        "delete_memory", "delete_memory",
    ]  # fmt: skip
    recall = found[2][1]
    assert recall["memory_core.recall.id"] == result.recall_id
    assert recall["gen_ai.operation.name"] == "search_memory"
    assert (
        found[0][1]["gen_ai.memory.record.id"] == found[5][1]["gen_ai.memory.record.id"] == tea.id
    )
    assert (found[1][1]["memory_core.stored"], found[1][1]["memory_core.rejected"]) == (1, 1)
    assert found[6][1]["error.type"] == "NotFound"
    assert not any(word in str(found) for word in ("tea", "coffee", "drink", "ana"))


def test_texts_are_captured_only_if_asked_for(spans: InMemorySpanExporter, tmp_path: Path) -> None:
    with open_memory(tmp_path, embedder="hash", tracing="content", min_relevance=0) as memory:
        tea = memory.store("Ana drinks tea", metadata={"cup": 1})
        memory.recall("what does Ana drink")
    recall = finished(spans)[-1][1]
    assert recall["gen_ai.memory.query.text"] == "what does Ana drink"
    (record,) = json.loads(recall["gen_ai.memory.records"])
    assert (record["id"], record["content"]) == (tea.id, "Ana drinks tea")
    assert record["metadata"] == {"cup": 1} and record["score"] > 0


async def test_a_span_of_the_async_face_has_its_caller_for_a_parent(
    spans: InMemorySpanExporter, tmp_path: Path
) -> None:
    with open_memory(tmp_path, embedder="hash", tracing="spans") as memory:
        async with AsyncMemoryManager(memory) as amemory:
            with trace.get_tracer("agent").start_as_current_span("turn"):
                await amemory.store("Ana drinks tea")
    verb, turn = spans.get_finished_spans()
    assert verb.parent is not None and verb.parent.span_id == turn.context.span_id


def test_nothing_is_imported_unless_asked_for() -> None:
    code = (
        "import sys, tempfile; from memory_core import open_memory\n"
        "with open_memory(tempfile.mkdtemp(), embedder='hash', index='exact') as m: m.store('x')\n"
        "print('opentelemetry' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
