"""Schemathesis on our OpenAPI description: random, boundary and linked requests to a real server.

What it finds is a fault of the server or of its description unless the description cannot tell it;
those refusals are listed by their words. The journal's stream never ends, so it is left out.
"""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from memory_core.serve.guard import Bounds
from memory_core.serve.running import Place
from tests.conformance.fetching import environment
from tests.conformance.suite import Expected, Result, judged
from tests.serve.served import serving

VERSION = "4.32.0"
EXAMPLES = 20
SEED = 7
BOUNDS = Bounds(rate=1e6, burst=1e6, bytes_per_day=1 << 40)
ALLOWED: Expected = {
    "is not before valid_to|would end at|cannot end at": "two moments in the wrong order",
    "starts at .*, not after": "a successor from before what it replaces",
    "would bring it back|was superseded": "what was taken back is not revised into being true",
    "mixes types": "words and numbers in one list of metadata",
    "metadata has .* bytes|is over 256 bytes": "a limit in bytes, where a schema counts characters",
    "nested more than|conditions, the limit": "filters too deep or too many",
}
"""Refusals of requests that fit the description -> what a schema cannot say."""


def run_schemathesis(place: Path) -> Result:
    """Run all its checks with a key that may do everything, in a throwaway home."""
    python = environment([f"schemathesis=={VERSION}"], place / "venv")
    report, log = place / "report.json", place / "log.txt"
    with serving(place / "home", Place(port=0, namespace="ana"), bounds=BOUNDS) as served:
        command = [
            str(python.parent / "schemathesis"), "run", f"{served.url}/openapi.json",
            "--header", f"Authorization: Bearer {served.key}", "--max-examples", str(EXAMPLES),
            "--seed", str(SEED), "--exclude-path", "/v1/live", "--continue-on-failure",
            "--generation-database", "none", "--no-color", "--output-truncate", "false",
            "--report", "json", "--report-json-path", str(report),
        ]  # fmt: skip
        clean = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        with log.open("w") as out:
            subprocess.run(command, env=clean, stdout=out, stderr=out, check=False, cwd=place)
    if not report.exists():
        return Result(0, surprises=(f"no result: {log.read_text()[-3000:]}",))
    told = json.loads(report.read_text())
    found = list(failures(log.read_text()))
    if len(found) < len(told["failures"]):
        found.append(f"unread failures: {json.dumps(told['failures'])[:2000]}")
    unexpected = [each for each in found if not any(re.search(a, each) for a in ALLOWED)]
    generated = told["test_cases"]["generated"]
    names = [f"case {n}" for n in range(generated - len(found))]
    result = judged(names, unexpected, {})
    return Result(result.passed, len(found) - len(unexpected), 0, result.surprises)


def failures(log: str) -> Iterator[str]:
    """Return each failure of a log: its check, what was answered, how to ask again."""
    for part in re.split(r"^\d+\. Test Case ID: ", log, flags=re.M)[1:]:
        yield part.split("\n____")[0].split("\n====")[0][:3_000]
