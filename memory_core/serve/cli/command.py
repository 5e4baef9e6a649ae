"""What a command line is, whichever verbs it has: the options before the verb, and how it ends."""

import json
import sys
from typing import Annotated, Final

import typer

from memory_core.errors import MemoryCoreError
from memory_core.serve.cli.session import session_of

UsageError: Final[type[Exception]] = next(
    k for k in typer.BadParameter.__mro__ if k.__name__ == "UsageError"
)
"""Wrong words on the command line; typer has its own copy of click's, at a place of its own."""


def options(
    context: typer.Context,
    home: Annotated[str | None, typer.Option(help="Directory of the store.")] = None,
    namespace: Annotated[str | None, typer.Option(help="Whose memory.")] = None,
    embedder: Annotated[str | None, typer.Option(help="Embedding model, or `hash`.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Keep the options for the verb."""
    context.obj = session_of(home, namespace, as_json, embedder=embedder)


def run_app(app: typer.Typer) -> None:
    """Run a command line; typed errors become one line, or one JSON object, and exit code 1."""
    words, as_json = hoisted(sys.argv[1:])
    try:
        if as_json:
            raise SystemExit(app(words, prog_name="memory", standalone_mode=False) or 0)
        app(words, prog_name="memory")
    except MemoryCoreError as error:
        _tell(type(error).__name__, str(error), as_json=as_json)
        raise SystemExit(1) from error
    except UsageError as error:  # without --json it is told, in colours, before it comes here
        told = getattr(error, "format_message", error.__str__)()  # it names the option
        _tell("WrongUsage", told, as_json=as_json)
        raise SystemExit(2) from error
    except typer.Abort as error:
        _tell("Abort", "stopped by the user", as_json=as_json)
        raise SystemExit(130) from error


def hoisted(words: list[str]) -> tuple[list[str], bool]:
    """Return the words with `--json` first, wherever it stood before a `--`, and if it did."""
    end = words.index("--") if "--" in words else len(words)
    rest = [word for word in words[:end] if word != "--json"]
    as_json = len(rest) < end
    return [*(["--json"] if as_json else []), *rest, *words[end:]], as_json


def _tell(kind: str, message: str, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps({"error": kind, "message": message}) + "\n")
    else:
        sys.stderr.write(f"memory: {kind}: {message}\n")
