"""`memory evals`: what the memory finds, on published question sets and on one's own."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from memory_core.errors import InvalidInput
from memory_core.serve.cli.bench import telling
from memory_core.serve.cli.session import Session

app = typer.Typer(help="Measure what the memory finds.", no_args_is_help=True)

Data = Annotated[Path, typer.Option(help="The question set's file.")]
Out = Annotated[Path | None, typer.Option(help="Directory for JSON, Markdown and plots.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A setting; repeatable.")
]
Limit = Annotated[int | None, typer.Option(min=1, help="Only the first so many questions.")]
Pooled = Annotated[bool, typer.Option("--pooled", help="All haystacks in one namespace.")]
Vectors = Annotated[Path | None, typer.Option(help="Directory that keeps vectors between runs.")]
K = Annotated[int | None, typer.Option("--k", min=1, max=200, help="Hits asked for.")]
Budget = Annotated[int, typer.Option(min=1, help="Tokens of the packed context.")]
Deadline = Annotated[float | None, typer.Option(min=1, help="Deadline of a recall.")]


@app.callback()
def evals() -> None:
    """Measure what the memory finds, through the public face, leak-tested, with intervals."""


@app.command("locomo")
def locomo(
    context: typer.Context, data: Data, pooled: Pooled = False, settings: Settings = None,
    limit: Limit = None, k: K = None, token_budget: Budget = 1000,
    deadline_ms: Deadline = None, vectors: Vectors = None, out: Out = None,
) -> None:  # fmt: skip
    """Ask the questions of a LoCoMo file, turn by turn."""
    from memory_core.evals.locomo import locomo as task

    _run(context, task, data, out, _plan(
        pooled=pooled, settings=settings, limit=limit, k=k, token_budget=token_budget,
        deadline_ms=deadline_ms, vectors=vectors,
    ))  # fmt: skip


@app.command("longmemeval")
def longmemeval(
    context: typer.Context, data: Data, pooled: Pooled = False, settings: Settings = None,
    limit: Limit = None, k: K = None, token_budget: Budget = 1000,
    deadline_ms: Deadline = None, vectors: Vectors = None, out: Out = None,
) -> None:  # fmt: skip
    """Ask the questions of a LongMemEval file, session by session; `_abs` ones do not count."""
    from memory_core.evals.longmemeval import longmemeval as task

    _run(context, task, data, out, _plan(
        pooled=pooled, settings=settings, limit=limit, k=k, token_budget=token_budget,
        deadline_ms=deadline_ms, vectors=vectors,
    ))  # fmt: skip


@app.command("realtalk")
def realtalk(
    context: typer.Context, data: Data, pooled: Pooled = False, settings: Settings = None,
    limit: Limit = None, k: K = None, token_budget: Budget = 1000,
    deadline_ms: Deadline = None, vectors: Vectors = None, out: Out = None,
) -> None:  # fmt: skip
    """Ask the questions of a REALTALK-form file."""
    from memory_core.evals.locomo import realtalk as task

    _run(context, task, data, out, _plan(
        pooled=pooled, settings=settings, limit=limit, k=k, token_budget=token_budget,
        deadline_ms=deadline_ms, vectors=vectors,
    ))  # fmt: skip


@app.command("sample")
def sample(
    context: typer.Context, settings: Settings = None, limit: Limit = None, k: K = None,
    token_budget: Budget = 1000, deadline_ms: Deadline = None, vectors: Vectors = None,
    out: Out = None,
) -> None:  # fmt: skip
    """Ask the questions of the sample conversation that comes with the package."""
    from memory_core.evals.sample import sample as task

    plan = _plan(
        settings=settings, limit=limit, k=k, token_budget=token_budget,
        deadline_ms=deadline_ms, vectors=vectors,
    )  # fmt: skip
    _run(context, lambda path: task(), Path(), out, plan)


@app.command("own")
def own(
    context: typer.Context, settings: Settings = None, limit: Limit = None,
    k: Annotated[int, typer.Option("--k", min=1, max=200, help="Hits asked for.")] = 20,
    out: Out = None,
) -> None:  # fmt: skip
    """Ask the namespace's own recorded questions again; relevant is what was used afterwards."""
    from memory_core.evals.ownlog import evaluate_own

    options: Session = context.obj
    given = {**options.settings, **parsed(settings)}
    with replace(options, settings=given).open() as memory:
        _tell(options, evaluate_own(memory, given, k, limit), out)


@app.command("deadline")
def deadline(
    context: typer.Context,
    data: Annotated[
        Path | None, typer.Option(help="A LoCoMo file; the sample conversation without one.")
    ] = None,
    at: Annotated[
        list[float] | None, typer.Option("--at", min=1, help="Milliseconds; repeatable.")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, max=64, help="Questions at a time.")] = 2,
    settings: Settings = None,
    limit: Limit = None,
    pooled: Pooled = False,
    vectors: Vectors = None,
    out: Out = None,
) -> None:
    """Show what a deadline of 50, 150 and 500 ms keeps and costs, under two threads."""
    from memory_core.evals import deadline as measuring
    from memory_core.evals.locomo import locomo as task
    from memory_core.evals.run import Plan
    from memory_core.evals.sample import sample

    options: Session = context.obj
    given = {**options.settings, **parsed(settings)}
    with telling() as tell:
        plan = Plan(settings=given, limit=limit, pooled=pooled, vectors=vectors, tell=tell)
        deadlines = tuple(at) if at else measuring.DEADLINES_MS
        chosen = sample() if data is None else task(data)
        found = measuring.measure(chosen, plan, deadlines, threads)
    options.emit(found.model_dump(mode="json"), measuring.markdown_of(found))
    if out is not None:
        measuring.write(found, out)


@app.command("compare")
def compare(
    context: typer.Context,
    first: Annotated[Path, typer.Argument(help="A: the JSON of an evaluation.")],
    second: Annotated[Path, typer.Argument(help="B: another of the same file.")],
    out: Out = None,
) -> None:
    """Compare two evaluations question by question: B − A with paired bootstrap intervals."""
    from memory_core.evals import compare as comparing
    from memory_core.evals.result import load_result

    options: Session = context.obj
    found = comparing.compare(load_result(first), load_result(second))
    if out is not None:
        comparing.write(found, out)
    options.emit(found.as_json(), comparing.markdown_of(found))


@app.command("mteb")
def mteb(
    context: typer.Context,
    data: Annotated[Path, typer.Option(help="Folder with scifact, stsb and banking77.")],
    model: Annotated[str, typer.Option(help="Embedder, as in the setting.")] = "default",
    reranker: Annotated[str | None, typer.Option(help="Cross-encoder, for reranking.")] = None,
    task: Annotated[list[str] | None, typer.Option(help="Only this task; repeatable.")] = None,
    against: Annotated[
        Path | None, typer.Option(help="mteb.json of another model, to compare with.")
    ] = None,
    settings: Settings = None,
    vectors: Vectors = None,
    out: Out = None,
) -> None:
    """Judge an embedder and a reranker by MTEB-type tasks on local files."""
    from memory_core.evals import mteb as judging

    options: Session = context.obj
    given = {**options.settings, **parsed(settings)}
    given |= {} if model == "default" else {"embedder": model}
    given |= {} if reranker is None else {"reranker": reranker}
    other = None if against is None else judging.load_judged(against)
    with telling() as tell:
        chosen = tuple(task) if task else None
        found = judging.judge(judging.Trial(data, given, chosen, vectors, tell))
    told = found.model_dump(mode="json", exclude={"scores": {"__all__": {"items", "gold"}}})
    options.emit(told, judging.markdown_of(found, other))
    if out is not None:
        judging.write(found, out, other)


@app.command("abstention")
def abstention(
    context: typer.Context,
    runs: Annotated[list[Path], typer.Argument(help="JSON of evaluations.")],
    out: Annotated[Path | None, typer.Option(help="A PNG of the ROC curves.")] = None,
) -> None:
    """Show what refusing unanswerable questions costs in answerable ones."""
    from memory_core.evals.abstention import curve_of
    from memory_core.evals.plots import ROC, canvas, roc
    from memory_core.evals.result import load_result

    options: Session = context.obj
    results = [load_result(run) for run in runs]
    curves = [curve_of(result) for result in results]
    if out is not None:
        names = [result.task for result in results]
        with canvas(out, ROC) as axes:
            roc(axes, list(zip(names, curves, strict=True)))
    told = [
        {
            "task": result.task, "data": result.data, "area": curve.area,
            "threshold": curve.default, "refused": curve.at_default[0],
            "lost": curve.at_default[1], "unanswerable": curve.unanswerable,
            "answerable": curve.answerable,
        }
        for result, curve in zip(results, curves, strict=True)
    ]  # fmt: skip
    if options.json:
        options.emit(told, "")
        return
    options.table([list(row.values()) for row in told], *told[0])


def parsed(pairs: list[str] | None) -> dict[str, str]:
    """Return NAME=VALUE pairs as a mapping; the settings check names and values.

    Raises:
        InvalidInput: a pair without "=".
    """
    for pair in pairs or []:
        if "=" not in pair:
            raise InvalidInput(f"--set {pair!r} has no value; write NAME=VALUE")
    return dict(pair.split("=", 1) for pair in pairs or [])


def _plan(*, settings: list[str] | None, **values: Any) -> dict[str, Any]:
    return {"settings": parsed(settings), **values}


def _run(
    context: typer.Context,
    task: Callable[[Path], Any],
    data: Path,
    out: Path | None,
    plan: dict[str, Any],
) -> None:
    from memory_core.evals.run import Plan, evaluate

    options: Session = context.obj
    settings = {**options.settings, **plan.pop("settings")}
    with telling() as tell:
        result = evaluate(task(data), Plan(settings=settings, tell=tell, **plan))
    _tell(options, result, out)


def _tell(options: Session, result: Any, out: Path | None) -> None:
    from memory_core.evals.report import markdown_of, summary_of, write

    told = result.model_dump(mode="json", exclude={"rows", "summary"})
    options.emit({**told, "summary": summary_of(result)}, markdown_of(result))
    if out is not None:
        write(result, out)
