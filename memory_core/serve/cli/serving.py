"""Verbs that serve the memory to others: mcp, serve and its keys."""

import os
import sys
from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from memory_core.serve.cli.session import Session

if TYPE_CHECKING:  # a host waits for `memory mcp`
    from memory_core.serve.api import Right
    from memory_core.serve.http import Toolset as Tools
    from memory_core.serve.keys import Keys
    from memory_core.serve.running import Place

serve_app = typer.Typer(
    help="Serve the memory over HTTP, with the replay page.", invoke_without_command=True
)
keys_app = typer.Typer(help="Who may ask a server for what.", no_args_is_help=True)
serve_app.add_typer(keys_app, name="keys")


class Toolset(StrEnum):
    """Which tools an MCP host sees."""

    OWN = "own"
    SERVER_MEMORY = "server-memory"


def mcp(
    context: typer.Context,
    compat: Annotated[
        Toolset, typer.Option(help="Our five tools, or the nine of the reference memory server.")
    ] = Toolset.OWN,
    http: Annotated[
        bool, typer.Option("--http", help="Streamable HTTP at /mcp, instead of standard input.")
    ] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port for --http.")] = 7437,
) -> None:
    """Serve the memory to an MCP host, over standard input and output or over HTTP."""
    from memory_core.serve.stores import Stores

    if compat is Toolset.OWN:
        from memory_core.serve.mcp import memory_server as server
    else:
        from memory_core.serve.mcp_graph import graph_server as server

    options: Session = context.obj
    if http:
        from memory_core.serve.running import Place

        run_server(options, Place(port=port, namespace=options.namespace), tools=server)
        return
    stores = Stores(options.home, options.settings)
    stores.warm(options.namespace)
    try:
        server(stores, options.namespace).run("stdio")
    finally:
        stores.close()


@serve_app.callback()
def serve(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 7437,
    also: Annotated[
        list[str] | None, typer.Option(help="Another NAME:PORT it goes by, behind a proxy.")
    ] = None,
    open_: Annotated[
        bool, typer.Option("--open", help="Ask for no key; this machine only.")
    ] = False,
) -> None:
    """Serve operations, health, MCP and the replay page over HTTP until interrupted."""
    if context.invoked_subcommand is not None:
        return
    from memory_core.serve.mcp import memory_server
    from memory_core.serve.running import Place

    options: Session = context.obj
    place = Place(host, port, options.namespace, also or (), open_)
    run_server(options, place, tools=memory_server)


def run_server(
    options: Session, place: "Place", *, tools: "Tools | None" = None, browse: bool = False
) -> None:
    """Serve, and tell where; show the page in a browser if asked."""
    import webbrowser

    from memory_core.serve.running import Serving
    from memory_core.serve.stores import Stores

    stores = Stores(options.home, options.settings)
    serving = Serving(stores, place, mcp=tools)
    told = serving.ready
    lines = [f"serving {options.home} at {told.url}", f"page    {told.page}"]
    lines += [f"key     {told.key}, until this ends"] if told.key else []
    options.emit({"url": told.url, "page": told.page, "key": told.key}, "\n".join(lines))
    sys.stdout.flush()
    if browse and _has_screen():
        webbrowser.open(told.page)
    try:
        serving.run()
    finally:
        stores.close()


def _has_screen() -> bool:
    """Tell whether a person sits before it: a browser in a terminal would take the terminal."""
    known = sys.platform in ("darwin", "win32")
    return sys.stdout.isatty() and (known or bool({"DISPLAY", "WAYLAND_DISPLAY"} & set(os.environ)))


@keys_app.command("add")
def add_key(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Whose key it is.")],
    right: Annotated[
        list[str] | None, typer.Option(help="read, write, erase or admin; read alone if absent.")
    ] = None,
    namespace: Annotated[
        list[str] | None, typer.Option(help="Where it is good; `*` is everywhere.")
    ] = None,
) -> None:
    """Make a key and print it, this once."""
    options: Session = context.obj
    secret = _keys(options).add(name, _rights(right or ["read"]), namespace or [options.namespace])
    options.emit({"name": name, "key": secret}, secret)


@keys_app.command("list")
def list_keys(context: typer.Context) -> None:
    """List the keys that are kept, without what opens them."""
    options: Session = context.obj
    lines = _keys(options).list()
    plain = [line.model_dump(mode="json", exclude={"sha256"}) for line in lines]
    told = "\n".join(
        f"{line.name:<16} {','.join(line.rights):<24} {', '.join(line.namespaces)}"
        f"  since {line.added:%Y-%m-%d}"
        for line in lines
    )
    options.emit(plain, told or "no key is kept")


@keys_app.command("remove")
def remove_key(context: typer.Context, name: str) -> None:
    """Forget a key; it opens nothing from the next request on."""
    options: Session = context.obj
    _keys(options).remove(name)
    options.emit({"removed": name}, f"removed {name}")


def _keys(options: Session) -> "Keys":
    from memory_core.serve.keys import Keys

    return Keys(options.home)


def _rights(given: Sequence[str]) -> "list[Right]":
    from memory_core.errors import InvalidInput
    from memory_core.serve.api import Right

    try:
        return [Right(each) for each in given]
    except ValueError as error:
        raise InvalidInput(f"{error}; use {', '.join(Right)}") from error


VERBS = {"mcp": mcp}
