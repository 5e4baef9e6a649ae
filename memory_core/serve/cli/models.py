"""`memory models`: list, verify, export and pull local models; only `pull` uses a network."""

from pathlib import Path
from typing import Annotated

import typer

from memory_core.config import load
from memory_core.models.export import export
from memory_core.models.onnx_file import exported
from memory_core.models.own_file import has_own_file
from memory_core.models.resolve import DEFAULT, ResolvedModel, installed, pull, resolve, verify
from memory_core.serve.cli.session import Session

app = typer.Typer(help="Local models.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="A model's name or directory.")]


@app.command("list")
def list_models(context: typer.Context) -> None:
    """List the models that are here, and what can run each without further work."""
    options: Session = context.obj
    cache = _cache(options)
    found = [(model, _runtimes(model, cache)) for model in installed(cache)]
    told = "\n".join(
        f"{m.name:<32} {m.origin:<10} {m.revision}  {', '.join(runtimes)}" for m, runtimes in found
    )
    plain = [{**_plain(model), "runtimes": runtimes} for model, runtimes in found]
    options.emit(plain, told or "no local model")


@app.command("verify")
def verify_model(context: typer.Context, name: Name = "all-MiniLM-L6-v2") -> None:
    """Check a model's files against their checksums; exit code 3 if something is wrong."""
    options: Session = context.obj
    model = resolve(name, cache_dir=_cache(options))
    problems = verify(model)
    told = "\n".join(problems) or f"{model.name} {model.revision}: its files are intact"
    options.emit({**_plain(model), "problems": problems}, told)
    if problems:
        raise typer.Exit(3)


@app.command("pull")
def pull_model(
    context: typer.Context,
    name: Name,
    revision: Annotated[str | None, typer.Option(help="Commit or tag.")] = None,
) -> None:
    """Download a model into the local cache, safetensors only."""
    options: Session = context.obj
    model = pull(name, cache_dir=_cache(options), revision=revision)
    options.emit(_plain(model), f"{model.name} {model.revision} is in the local cache")


@app.command("export")
def export_model(
    context: typer.Context,
    name: Name = DEFAULT,
    int8: Annotated[bool, typer.Option("--int8", help="The int8 file too.")] = False,
) -> None:
    """Write a model's ONNX file into the local cache, so that it starts and runs faster."""
    options: Session = context.obj
    cache = _cache(options)
    model = resolve(name, cache_dir=cache)
    path = export(model, cache_dir=cache)
    path = export(model, cache_dir=cache, precision="int8") if int8 else path
    runtimes = _runtimes(model, cache)
    told = f"{model.name} {model.revision} runs on {', '.join(runtimes)}: {path}"
    options.emit({**_plain(model), "runtimes": runtimes, "file": str(path)}, told)


def _runtimes(model: ResolvedModel, cache: Path) -> list[str]:
    if has_own_file(model):
        return ["onnx"]
    names = {"float32": "onnx", "int8": "onnx-int8"}
    return ["torch", *(names[precision] for precision in exported(model, cache))]


def _cache(options: Session) -> Path:
    return load(options.home, options.settings).models_dir.expanduser()


def _plain(model: ResolvedModel) -> dict[str, str]:
    return {
        "name": model.name, "origin": model.origin, "revision": model.revision,
        "path": str(model.path),
    }  # fmt: skip
