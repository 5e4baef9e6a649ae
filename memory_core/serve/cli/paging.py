"""`memory replay page`, and `memory replay` without a verb: the page in a browser."""

from typing import Annotated

import typer

from memory_core.serve.cli.freezing import app
from memory_core.serve.cli.serving import run_server
from memory_core.serve.cli.session import Session

__all__ = ["app"]

Port = Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")]
Browser = Annotated[bool, typer.Option(help="Show it in a browser.")]


@app.callback(invoke_without_command=True)
def replay(context: typer.Context) -> None:
    """What was recalled, and why; without a verb, the page."""
    if context.invoked_subcommand is None:
        page(context)


@app.command("page")
def page(context: typer.Context, port: Port = 0, browser: Browser = True) -> None:
    """Show every recorded turn on a local page, to take apart and to change; it cannot write."""
    from memory_core.serve.api import Right
    from memory_core.serve.running import Place

    options: Session = context.obj
    place = Place(port=port, namespace=options.namespace, rights=(Right.READ,), lend=True)
    run_server(options, place, browse=browser)
