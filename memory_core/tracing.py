"""OpenTelemetry spans of what a memory does, named by the GenAI conventions for memory.

    search_memory   recall                     upsert_memory   store, store_many, supersede
    update_memory   revise, invalidate, …      delete_memory   forget, erase

Off unless the setting `tracing` asks for it. The API alone is used: without an SDK the spans go
nowhere. A recall's span carries the recall's id, so a trace leads to its replay. Texts are in no
span unless `tracing` is "content".
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar, cast

from memory_core.answers import RecallResult
from memory_core.errors import MissingExtra
from memory_core.types import Memory, Receipt, StoreReport

if TYPE_CHECKING:
    from opentelemetry.trace import Span

Operation = Literal["search_memory", "upsert_memory", "update_memory", "delete_memory"]
RECALL_ID = "memory_core.recall.id"
"""Attribute that names the recording: `memory replay show ID`."""


class Tracing:
    """Makes spans around the verbs of one memory.

    Args:
        store: names the store, without its namespace: that may name a person.
        content: whether texts are captured.

    Raises:
        MissingExtra: the OpenTelemetry API is not installed.
    """

    def __init__(self, store: str, *, content: bool = False) -> None:
        try:
            from opentelemetry import trace
        except ImportError as error:
            raise MissingExtra("opentelemetry-api", "otel") from error
        self._trace = trace
        self._store = store
        self._content = content

    @contextmanager
    def span(self, operation: Operation, given: Sequence[object]) -> Iterator["Span"]:
        """Lend the span of one verb; an error is told by its type, never by its message.

        Args:
            operation: the verb, as the conventions name it.
            given: the verb's arguments by position: the query, or a memory's id.
        """
        trace = self._trace
        attributes = {"gen_ai.operation.name": operation, "gen_ai.memory.store.id": self._store}
        with trace.get_tracer("memory_core").start_as_current_span(
            operation, kind=trace.SpanKind.INTERNAL, attributes=attributes,
            record_exception=False, set_status_on_exception=False,
        ) as span:  # fmt: skip
            if given and isinstance(given[0], str):
                if operation == "search_memory" and self._content:
                    span.set_attribute("gen_ai.memory.query.text", given[0])
                elif operation in ("update_memory", "delete_memory"):
                    span.set_attribute("gen_ai.memory.record.id", given[0])
            try:
                yield span
            except BaseException as error:
                span.set_attribute("error.type", type(error).__name__)
                span.set_status(trace.StatusCode.ERROR)
                raise

    def tell(self, span: "Span", value: object) -> None:
        """Put what a verb answered on its span."""
        if isinstance(value, RecallResult):
            if value.recall_id is not None:
                span.set_attribute(RECALL_ID, value.recall_id)
            span.set_attribute("memory_core.recall.status", value.status)
            span.set_attribute("memory_core.recall.hits", len(value.hits))
            if self._content:
                records = [_record(hit.memory, hit.score) for hit in value.hits]
                span.set_attribute("gen_ai.memory.records", json.dumps(records))
        elif isinstance(value, Memory):
            span.set_attribute("gen_ai.memory.record.id", value.id)
            if self._content:
                span.set_attribute("gen_ai.memory.records", json.dumps([_record(value, None)]))
        elif isinstance(value, StoreReport):
            span.set_attribute("memory_core.stored", len(value.stored))
            span.set_attribute("memory_core.rejected", len(value.errors))
        elif isinstance(value, Receipt):
            span.set_attribute("memory_core.receipt.entry", value.entry)


class HasTracing(Protocol):
    """The parts of a memory, as far as spans need them."""

    @property
    def tracing(self) -> Tracing | None:
        """What makes spans; None for none."""
        ...


class Traced(Protocol):
    """A memory whose verbs may have spans."""

    @property
    def parts(self) -> HasTracing:
        """What it is made of."""
        ...


F = TypeVar("F", bound=Callable[..., object])


def spanned(operation: Operation) -> Callable[[F], F]:
    """Return what puts a span around a verb of a memory that asks for spans."""

    def around(verb: F) -> F:
        @wraps(verb)
        def run(self: Traced, *args: object, **kwargs: object) -> object:
            if (tracing := self.parts.tracing) is None:
                return verb(self, *args, **kwargs)
            with tracing.span(operation, args or tuple(kwargs.values())) as span:
                value = verb(self, *args, **kwargs)
                tracing.tell(span, value)
            return value

        return cast(F, run)

    return around


def _record(memory: Memory, score: float | None) -> Mapping[str, object]:
    record = {"id": memory.id, "content": memory.text, "metadata": memory.metadata}
    return record if score is None else {**record, "score": score}
