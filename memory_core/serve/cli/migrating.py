"""`memory migrate`: another embedding model for a store in use, back again, and the rest away."""

import sys
from dataclasses import asdict
from typing import Annotated, Any

import typer

from memory_core.config import load
from memory_core.errors import InvalidInput
from memory_core.journal.serving import KnownModel
from memory_core.migrate import Migration, Switched, drop, migrate, rollback, standings
from memory_core.migrate.run import Plan
from memory_core.serve.cli.session import Session


def migrate_verb(
    context: typer.Context,
    to: Annotated[str | None, typer.Option(help="The model to change to.")] = None,
    back: Annotated[bool, typer.Option("--rollback", help="Back to the model before.")] = False,
    dropped: Annotated[
        str | None, typer.Option("--drop", help="Remove the vectors of this model.")
    ] = None,
    recalls: Annotated[int, typer.Option("--shadow", help="Recalls to run on both.")] = 50,
    least: Annotated[
        float, typer.Option("--min-overlap", help="Switch only from this mean overlap on, 0..1.")
    ] = 0.0,
    switching: Annotated[
        bool, typer.Option("--switch/--no-switch", help="Fill and compare only.")
    ] = True,
) -> None:
    """Change the embedding model while the store is in use; without options, show the models."""
    options: Session = context.obj
    if sum([to is not None, back, dropped is not None]) > 1:
        raise InvalidInput("--to, --rollback and --drop are three different things; name one")
    if to is not None:
        plan = Plan(recalls=recalls, least_overlap=least, switching=switching)
        others = {name: value for name, value in options.settings.items() if name != "embedder"}
        done = migrate(
            options.home, to, namespace=options.namespace, plan=plan, tell=_tell, settings=others
        )
        _show_migration(options, done)
        if done.switched is None and done.reason.startswith("overlap"):
            raise typer.Exit(3)
    elif back:
        _show_switch(options, rollback(options.home, options.namespace))
    elif dropped is not None:
        model, removed = drop(options.home, options.namespace, dropped)
        plain = {"dropped": model.name, "vectors": removed}
        options.emit(plain, f"{removed:,} vectors of {model.name} are gone")
    else:
        _show_models(options)


def _tell(what: str) -> None:
    if sys.stderr.isatty():
        typer.echo(f"\r\x1b[K{what}", nl=False, err=True)


def _show_models(options: Session) -> None:
    found = standings(options.home, options.namespace)
    plain = [
        {"model": one.model.name, "vectors": one.model.rows, "serves": one.serves,
         "previous": one.previous, "pending": one.pending}
        for one in found
    ]  # fmt: skip
    told = "\n".join(
        f"{'serves' if one.serves else 'before' if one.previous else '':<7} "
        f"{one.model.rows:>9,} vectors, {one.pending:>6,} texts left  {one.model.name}"
        for one in found
    )
    options.emit(plain, told or "no vectors yet: the first model that embeds will serve")


def _show_migration(options: Session, done: Migration) -> None:
    before, after = (None if m is None else m.name for m in (done.before, done.after))
    shadow = done.shadow
    plain = {
        "before": before, "after": after, "embedded": done.embedded, "seconds": done.seconds,
        "overlap": shadow.overlap, "recalls": [asdict(one) for one in shadow.recalls],
        "switched": done.switched is not None, "reason": done.reason,
    }  # fmt: skip
    lines = [f"{done.embedded:,} texts embedded in {done.seconds:.1f} s", str(shadow)]
    if done.switched is None:
        lines.append(f"not switched: {done.reason}; {before} serves")
    else:
        lines += _switched(options, done.switched)
    options.emit(plain, "\n".join(lines))


def _show_switch(options: Session, done: Switched) -> None:
    plain: dict[str, Any] = {
        "before": done.before.name, "after": done.after.name, "seq": done.seq,
        "pending": done.pending,
    }  # fmt: skip
    options.emit(plain, "\n".join(_switched(options, done)))


def _switched(options: Session, done: Switched) -> list[str]:
    lines = [f"entry {done.seq}: {done.after.name} serves, {done.before.name} does not any more"]
    if done.pending:
        lines.append(f"{done.pending:,} texts are embedded at the next opening")
    lines += _other_setting(options, done.after)
    lines.append("back again: memory migrate --rollback")
    return lines


def _other_setting(options: Session, model: KnownModel) -> list[str]:
    """Return a warning where the environment or `memory.toml` still names another model."""
    named = load(options.home, {})
    wanted = model.spec.get("embedder")
    if "embedder" not in named.model_fields_set or named.embedder == wanted:
        return []
    return [
        f"the setting embedder={named.embedder!r} names another model and every opening would "
        f"fail: set it to {wanted!r}, or unset it"
    ]


VERBS = {"migrate": migrate_verb}
