"""`memory lifecycle`, `memory pin`, `memory audit`: what policies do, and how to take it back."""

import sys
from dataclasses import asdict
from typing import Annotated

import typer

from memory_core.errors import InvalidInput
from memory_core.lifecycle import compaction, policies, provenance
from memory_core.lifecycle.audit import audit as audited
from memory_core.lifecycle.compaction import DAYS
from memory_core.lifecycle.consolidation import consolidation_plan
from memory_core.lifecycle.duplicates import duplicates_plan
from memory_core.lifecycle.forgetting import age_plan, capacity_plan, decay_plan
from memory_core.lifecycle.policies import Plan
from memory_core.manager import MemoryManager
from memory_core.serve.cli.session import Session, line
from memory_core.serve.cli.writing import Id
from memory_core.wording import counted

SHOWN = 20
"""How many changes are told; `--json` has them all."""

app = typer.Typer(help="Forget, count repetitions, and undo it.", no_args_is_help=True)
Dry = Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")]
Only = Annotated[str | None, typer.Option(help="Only this session.")]


@app.command()
def decay(context: typer.Context, dry_run: Dry = False, session: Only = None) -> None:
    """Forget what has faded: unimportant, old, and not used."""
    with context.obj.open() as memory:
        _carry_out(context.obj, memory, decay_plan(memory, where=_where(session)), dry_run)


@app.command()
def age(context: typer.Context, days: float, dry_run: Dry = False, session: Only = None) -> None:
    """Forget what was neither stored nor reinforced for that many days."""
    with context.obj.open() as memory:
        _carry_out(context.obj, memory, age_plan(memory, days, where=_where(session)), dry_run)


@app.command()
def capacity(context: typer.Context, most: int, dry_run: Dry = False) -> None:
    """Forget the weakest until that many are left."""
    with context.obj.open() as memory:
        _carry_out(context.obj, memory, capacity_plan(memory, most), dry_run)


@app.command()
def deduplicate(context: typer.Context, dry_run: Dry = False) -> None:
    """Count what says the same as evidence for one memory; every occurrence stays."""
    with context.obj.open() as memory:
        _carry_out(context.obj, memory, duplicates_plan(memory), dry_run)


@app.command()
def consolidate(
    context: typer.Context,
    dry_run: Dry = False,
    session: Only = None,
    accumulated: Annotated[
        float, typer.Option(help="Only sessions whose episodes add up to this importance.")
    ] = 0.0,
) -> None:
    """Make one memory of each run of episodes on one topic; the episodes stay."""
    with context.obj.open() as memory:
        plan = consolidation_plan(memory, session=session, accumulated=accumulated)
        _carry_out(context.obj, memory, plan, dry_run)


@app.command()
def runs(context: typer.Context) -> None:
    """List the runs of policies, to undo one by its entry."""
    options: Session = context.obj
    with options.open() as memory:
        past = policies.runs(memory)
    rows = [
        f"{run.entry:>8}  {run.at[:19]}  {run.policy:<12} {run.changes:>6} changes"
        f"{'  (undone)' if run.undone else ''}"
        for run in past
    ]
    values = [{name: getattr(run, name) for name in run.__slots__} for run in past]
    options.emit(values, "\n".join(rows) or "no policy has run yet")


@app.command()
def undo(context: typer.Context, entry: int) -> None:
    """Take back the run that began at that entry."""
    options: Session = context.obj
    with options.open() as memory:
        changes = policies.undo(memory, entry)
    options.emit({"entry": entry, "changes": changes}, f"took back {changes} changes")


@app.command()
def unforget(context: typer.Context, id: Id) -> None:
    """Let a forgotten memory be recalled again, until it is compacted."""
    options: Session = context.obj
    with options.open() as memory:
        back = policies.unforget(memory, id)
    options.emit(back, f"recallable again: {line(back)}")


def compact(
    context: typer.Context,
    days: Annotated[int, typer.Option(help="Only what was forgotten so long ago.")] = DAYS,
    recordings_days: Annotated[
        int | None, typer.Option(help="Drop recordings older than this, too.")
    ] = None,
    dry_run: Dry = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove the texts of what was forgotten long ago; it cannot be undone any more."""
    options: Session = context.obj
    with options.open() as memory:
        planned = compaction.compact(memory, days=days, dry_run=True)
        if dry_run:
            options.emit(asdict(planned), _told(planned, "would remove"))
            return
        if not yes and planned.memories:
            if options.json or not sys.stdin.isatty():
                raise InvalidInput("compact cannot be undone; look with --dry-run, then pass --yes")
            typer.confirm(f"{_told(planned, 'Will remove')}\nGo on?", abort=True)
        done = compaction.compact(memory, days=days, recordings_days=recordings_days)
    options.emit(asdict(done), _told(done, "removed"))


def pin(context: typer.Context, id: Id, off: bool = False) -> None:
    """Keep a memory from being forgotten by any policy; `--off` lets them have it again."""
    options: Session = context.obj
    with options.open() as memory:
        pinned = policies.pin(memory, id, pinned=not off)
    options.emit(pinned, f"{'unpinned' if off else 'pinned'} {line(pinned)}")


def purge(
    context: typer.Context,
    source: Annotated[str | None, typer.Option(help="Such as tool or document.")] = None,
    writer: Annotated[str | None, typer.Option(help="Which page, tool or agent.")] = None,
    erase: Annotated[bool, typer.Option(help="Remove every trace; cannot be undone.")] = False,
    dry_run: Dry = False,
) -> None:
    """Remove a poisoned source and everything that was derived from it."""
    options: Session = context.obj
    with options.open() as memory:
        gone = provenance.purge(memory, source=source, writer=writer, erase=erase, dry_run=dry_run)
    what = ("would erase" if erase else "would forget") if dry_run else (
        "erased" if erase else "forgot")  # fmt: skip
    told = f"{what} {counted(len(gone.ids))}, {gone.derived} of them derived"
    if gone.entry is not None:
        told += f"; undo with: memory lifecycle undo {gone.entry}"
    left = [receipt.residue for receipt in gone.receipts]
    told += f"; residue {sum(r or 0 for r in left)} bytes" if left and None not in left else ""
    told += "; residue unknown, see --json" if None in left else ""
    value = {"ids": list(gone.ids), "derived": gone.derived, "entry": gone.entry,
             "receipts": list(gone.receipts)}  # fmt: skip
    options.emit(value, told)
    if any(residue != 0 for residue in left):
        raise typer.Exit(3)


def audit(context: typer.Context) -> None:
    """Say how much repeats, echoes, is stale, has faded, or holds a secret."""
    options: Session = context.obj
    with options.open() as memory:
        found = audited(memory)
    rows = [f"{name:<10} {len(found.ids[name]):>6}  {rate:7.2%}" for name, rate in
            found.rates.items()]  # fmt: skip
    told = "\n".join([f"{'memories':<10} {found.memories:>6}", *rows])
    options.emit({"memories": found.memories, "rates": found.rates, "ids": dict(found.ids)}, told)


def _where(session: str | None) -> dict[str, object] | None:
    return None if session is None else {"session": session}


def _carry_out(options: Session, memory: MemoryManager, plan: Plan, dry_run: bool) -> None:
    done = policies.carry_out(memory, plan, dry_run=dry_run)
    lines = list(done.lines[:SHOWN])
    if len(done.lines) > SHOWN:
        lines.append(f"and {len(done.lines) - SHOWN} more")
    what = "would change" if dry_run else "changed"
    entry = f"; undo with: memory lifecycle undo {done.entry}" if done.entry else ""
    value = {name: getattr(done, name) for name in ("policy", "entry", "changes", "counts")}
    options.emit(
        {**value, "dry_run": dry_run, "lines": list(done.lines)},
        "\n".join([*lines, f"{done.policy}: {what} {done.changes}{entry}"]),
    )


def _told(done: compaction.Compaction, what: str) -> str:
    told = f"{what} {counted(len(done.memories))}: {done.characters:,} characters of text, "
    told += f"{done.vectors} vectors"
    told += f", {done.recordings} recordings" if done.recordings else ""
    if done.kept:
        told += f"; {len(done.kept)} stay, since a live memory was derived from them"
    return told + (f"; files {done.before:,} → {done.after:,} bytes" if done.after != done.before
                   else "")  # fmt: skip


VERBS = {"compact": compact, "pin": pin, "purge": purge, "audit": audit}
