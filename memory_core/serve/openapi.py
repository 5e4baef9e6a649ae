"""The OpenAPI description, made from the operations: it cannot tell what they do not do."""

from functools import cache
from typing import Any

from pydantic import BaseModel, Field
from pydantic.json_schema import models_json_schema

from memory_core.serve.api import OPERATIONS, Operation
from memory_core.serve.describing import links_of, narrowed
from memory_core.serve.health import Health
from memory_core.version import __version__

REFUSALS = {
    "400": "The request is not well formed.",
    "401": "No key, or a wrong one.",
    "403": "The key may not do this, or the origin is another site.",
    "404": "No such memory, recall or namespace.",
    "408": "The body took too long.",
    "409": "The key belongs to another text, or the store is read-only.",
    "413": "The body is too large.",
    "415": "The body is not JSON.",
    "421": "The server does not go by that name.",
    "422": "A value is wrong; nothing was written.",
    "429": "Too much at once; see Retry-After.",
    "500": "A fault of the server.",
    "503": "The store or a model cannot serve now; see Retry-After.",
}
NAMESPACE = {
    "name": "namespace", "in": "query", "required": False,
    "schema": {"type": "string", "maxLength": 256, "pattern": r"^$|^[^\x00]*[^\s\x00][^\x00]*$"},
    "description": "Whose memory; the server's own when absent.",
}  # fmt: skip


class Problem(BaseModel):
    """Why something was refused."""

    error: str = Field(description="The error's name.")
    message: str = Field(description="What is wrong, where, and what to do next.")
    keys: list[str] | None = Field(
        default=None, description="For OutcomeUnknown: what to ask `outcome` with."
    )


class Namespaces(BaseModel):
    """Which namespaces the key may read."""

    default: str
    namespaces: list[str]


@cache
def description(*, keyed: bool = True) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document; one object, not to be changed.

    Args:
        keyed: whether the server asks for keys.
    """
    asked = [(each.asks, "validation") for each in OPERATIONS.values()]
    answered = [(each.answers, "serialization") for each in OPERATIONS.values()]
    others = [(kind, "serialization") for kind in (Problem, Namespaces, Health)]
    references, shared = models_json_schema(
        [*asked, *answered, *others],  # type: ignore[list-item]
        ref_template="#/components/schemas/{model}",
    )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "memory-core",
            "version": __version__,
            "description": "A memory for LLM agents: durable, explained, replayable.",
        },
        "paths": {
            **{f"/v1/{name}": _post(each, references) for name, each in OPERATIONS.items()},
            "/v1/namespaces": _get("namespaces", references[Namespaces, "serialization"]),
            "/v1/live": _live(),
            "/health": _health(references[Health, "serialization"]),
        },
        "components": {
            "schemas": narrowed(shared["$defs"]),
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "responses": {
                code: {"description": told, "content": _json(references[Problem, "serialization"])}
                for code, told in REFUSALS.items()
            },
        },
        "security": [{"key": []}] if keyed else [],
    }


def _post(operation: Operation[Any], references: Any) -> dict[str, Any]:
    return {
        "post": {
            "operationId": operation.name,
            "summary": operation.summary,
            "description": f"Needs the right `{operation.needs}`.",
            "parameters": [NAMESPACE],
            "requestBody": {
                "required": True,
                "content": _json(references[operation.asks, "validation"]),
            },
            "responses": _responses(
                _json(references[operation.answers, "serialization"]), links_of(operation.name)
            ),
        }
    }


def _get(name: str, answer: dict[str, Any]) -> dict[str, Any]:
    return {
        "get": {
            "operationId": name,
            "summary": "Return the namespaces that the key may read.",
            "responses": _responses(_json(answer)),
        }
    }


def _live() -> dict[str, Any]:
    after = {
        "name": "after", "in": "query", "required": False,
        "schema": {"type": "integer", "minimum": 0, "maximum": 2**39},
        "description": "Begin after this journal entry; with the newest when absent.",
    }  # fmt: skip
    return {
        "get": {
            "operationId": "live",
            "summary": "Journal entries as they are written, as server-sent events.",
            "parameters": [NAMESPACE, after],
            "responses": _responses({"text/event-stream": {"schema": {"type": "string"}}}),
        }
    }


def _health(answer: dict[str, Any]) -> dict[str, Any]:
    ok = {"description": "The memory works.", "content": _json(answer)}
    red = {"description": "A step failed.", "content": _json(answer)}
    responses = {**_responses(_json(answer)), "200": ok, "503": red}
    summary = "A memory stored, recalled and erased just now."
    return {
        "get": {
            "operationId": "health", "summary": summary, "security": [], "responses": responses
        }
    }  # fmt: skip


def _responses(content: dict[str, Any], links: dict[str, Any] | None = None) -> dict[str, Any]:
    refused = {code: {"$ref": f"#/components/responses/{code}"} for code in REFUSALS}
    done = {"description": "Done.", "content": content, **({"links": links} if links else {})}
    return {"200": done, **refused}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
