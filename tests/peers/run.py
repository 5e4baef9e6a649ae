"""Every system on the same conversations and questions, one process each, in one table.

python -m tests.peers.run FILE --out DIR [--only NAME …] [--conversations N]
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from memory_core.evals.intervals import paired
from memory_core.evals.metrics import Found
from memory_core.evals.report import figure, table
from tests.peers.one import PEERS

OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "MEM0_TELEMETRY": "False",
           "ANONYMIZED_TELEMETRY": "False", "TOKENIZERS_PARALLELISM": "false"}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="*", default=list(PEERS), choices=PEERS)
    parser.add_argument("--conversations", type=int)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    told = []
    for name in given.only:
        path = given.out / f"{name}.json"
        command = [sys.executable, "-m", "tests.peers.one", name, str(given.file), str(path)]
        if given.conversations:
            command += ["--conversations", str(given.conversations)]
        print(f"{name} …", file=sys.stderr, flush=True)
        done = subprocess.run(command, env={**os.environ, **OFFLINE})
        if done.returncode:
            print(f"{name} failed with code {done.returncode}", file=sys.stderr)
            continue
        told.append(json.loads(path.read_text()))
    (given.out / "peers.json").write_text(json.dumps(told) + "\n")
    (given.out / "peers.md").write_text(markdown_of(told))
    print(markdown_of(told))


def markdown_of(told: Sequence[dict[str, Any]]) -> str:
    """Return the table, and each system's settings."""
    rows = [
        [one["name"], *(figure(one["quality"][m]) for m in ("recall@5", "recall@10", "all@10")),
         figure(one["quality"]["mrr"]), _behind(one, told), f"{one['store_ms_a_text']:.1f}",
         f"{one['recall_p50_ms']:.0f}", f"{one['recall_p95_ms']:.0f}", f"{one['peak_mib']:.0f}"]
        for one in told
    ]  # fmt: skip
    headers = ["", "recall@5", "recall@10", "all@10", "MRR", "behind ours, recall@10 (95 %)",
               "store ms a text", "recall p50 ms", "p95 ms", "peak MiB"]  # fmt: skip
    settings = [[one["name"], one["versions"], one["settings"]] for one in told]
    return f"{table(headers, rows)}\n\n{table(['', 'version', 'settings'], settings)}\n"


def _behind(one: dict[str, Any], told: Sequence[dict[str, Any]]) -> str:
    ours = next((other for other in told if other["name"] == "memory-core"), None)
    if ours is None or ours is one or len(ours["rows"]) != len(one["rows"]):
        return ""
    delta = paired(_values(ours), _values(one))
    return f"{figure(delta.value)} ({figure(delta.low)} to {figure(delta.high)})"


def _values(one: dict[str, Any]) -> list[float]:
    return [Found(tuple(row["ranks"]), row["gold"]).recall_at(10) for row in one["rows"]]


if __name__ == "__main__":
    main()
