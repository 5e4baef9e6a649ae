"""The command line of one verb: only the file that it stands in is loaded, and not all the others.

`VERBS` says where each stands; what is not named here, a mistyped verb or `--help` are told by the
whole command line, in `memory_core.serve.cli.app`.
"""

from importlib import import_module

import typer

from memory_core.serve.cli.command import options, run_app

_FILES = {
    "bench": ("bench",),
    "changing": ("revise", "supersede", "invalidate", "expire", "reinforce"),
    "demo": ("demo",),
    "keeping": ("backup", "restore", "anchor"),
    "living": ("compact", "pin", "purge", "audit"),
    "looking": ("recall", "show", "history", "list"),
    "migrating": ("migrate",),
    "proving": ("prove",),
    "serving": ("mcp",),
    "space": ("similar", "clusters", "classify", "map", "timeline", "graph"),
    "transfer": ("import", "export"),
    "upkeep": ("stats", "verify", "rebuild", "doctor"),
    "writing": ("store", "link", "forget", "erase"),
}
VERBS = {verb: file for file, verbs in _FILES.items() for verb in verbs}
GROUPS = {
    "hooks": "hooking",
    "models": "models",
    "lifecycle": "living",
    "review": "reviewing",
    "replay": "paging",
    "evals": "evals",
}


def app_of(verb: str) -> typer.Typer:
    """Return a command line with that one verb, or that one group of verbs."""
    app = typer.Typer(name="memory", pretty_exceptions_enable=False, add_completion=False)
    app.callback()(options)
    module = import_module(f"memory_core.serve.cli.{VERBS.get(verb) or GROUPS[verb]}")
    if verb in VERBS:
        app.command(verb)(module.VERBS[verb])
    else:
        app.add_typer(module.app, name=verb)
    return app


def run(verb: str) -> None:
    """Run the verb."""
    run_app(app_of(verb))
