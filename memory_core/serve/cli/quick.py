"""The command line of the one verb that a host waits for."""

import typer

from memory_core.serve.cli import serving
from memory_core.serve.cli.command import options, run_app

app = typer.Typer(name="memory", pretty_exceptions_enable=False, add_completion=False)
app.callback()(options)
app.command("mcp")(serving.mcp)


def run() -> None:
    """Run the verb."""
    run_app(app)
