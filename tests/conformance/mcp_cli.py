"""The MCP conformance command line against `/mcp` of `memory serve`."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from memory_core.serve.running import Place
from tests.conformance.fetching import node_packages
from tests.conformance.suite import Expected, Result, judged
from tests.serve.served import serving

PACKAGE = "@modelcontextprotocol/conformance"
VERSION = "0.1.16"
LINE = re.compile(r"^([✓✗]) (\S+): (\d+) passed, (\d+) failed", re.M)
FIXTURE = "calls a tool, resource or prompt of the suite's own fixture server by its name"
EXPECTED: Expected = {
    "^tools-call-(image|audio|embedded-resource|mixed-content)$": FIXTURE,
    "^tools-call-with-(logging|progress)$": FIXTURE,
    "^tools-call-(sampling|elicitation)$": FIXTURE,
    "^elicitation-sep(1034-defaults|1330-enums)$": FIXTURE,
    "^json-schema-2020-12$|^server-sse-polling$": FIXTURE,
    "^resources-read-(text|binary)$|^resources-templates-read$": FIXTURE,
    "^prompts-get-(simple|with-args|embedded-resource|with-image)$": FIXTURE,
    "^logging-set-level$": "a capability that is not declared: what happened is in the answers",
    "^completion-complete$": "a capability that is not declared: no argument has fixed values",
    "^resources-(un)?subscribe$": "a capability that is not declared: a memory is read when needed",
}


def run_mcp(place: Path) -> Result:
    """Run every scenario, the pending ones as well; the lines of its summary are the tests."""
    node, modules = node_packages([f"{PACKAGE}@{VERSION}"], place)
    entry = modules / PACKAGE / "dist" / "index.js"
    with serving(place / "home", Place(port=0, open=True), mcp=True) as served:
        done = subprocess.run(
            [
                str(node), str(entry), "server", "--url", f"{served.url}/mcp", "--suite", "all",
                "--output-dir", str(place / "results"),
            ],
            capture_output=True, text=True,
        )  # fmt: skip
    lines: Mapping[str, bool] = {name: sign == "✓" for sign, name, *_ in LINE.findall(done.stdout)}
    if not lines:
        return Result(0, surprises=(f"no result: {done.stdout[-2000:]}{done.stderr[-2000:]}",))
    passed = [name for name, good in lines.items() if good]
    return judged(passed, set(lines) - set(passed), EXPECTED)
