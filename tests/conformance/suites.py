"""The suites there are, what each needs, and what cannot pass with its reason."""

from tests.conformance.by_pytest import PytestSuite
from tests.conformance.mcp_cli import run_mcp
from tests.conformance.openapi_fuzz import run_schemathesis
from tests.conformance.server_memory import run_server_memory
from tests.conformance.suite import Suite

VENV = ("pytest==9.2.0", "pytest-asyncio==1.5.0")
FILE = "their file's place, format or faults; ours is a database"
SEAM = "patches a function or attribute of their module"
STRANDS = {
    "path_is_empty|sanitized_path|path_is_unreachable": FILE,
    "corrupt_file|wrong_shape_file|malformed_record|non_object_metadata": FILE,
    "null_metadata_as_absent|shared_camelcase_format": FILE,
    "monkeypatchable_id_generator|separate_event_loops": SEAM,
    "overlap_first_with_relevance_score": "their score is the number of common words",
    "excludes_records_with_no_token_overlap": "ranked by meaning too, not by common words alone",
}
CREWAI = {
    "percent_underscore_and_backslash": "scopes match by their parts, not by their first letters",
    "does_not_refresh_access_time": "no backend here refreshes one: a recall writes nothing",
}

SUITES = (
    Suite(
        "langgraph",
        "LangGraph store: langgraph-checkpoint 4.3.2, `tests/test_store.py`",
        PytestSuite(
            ["tests/test_store.py"], "langgraph-checkpoint==4.3.2", plugin="langgraph_plugin"
        ),
    ),
    Suite(
        "langchain",
        "LangChain vector store and retriever: langchain-tests 1.1.9",
        PytestSuite(["tests/conformance/langchain_suite.py"]),
    ),
    Suite(
        "claude",
        "Claude `SessionStore` contracts: `claude_agent_sdk.testing`",
        PytestSuite(["tests/conformance/claude_suite.py"]),
    ),
    Suite(
        "strands",
        "Strands memory store: strands-agents 1.62.0, and our end-to-end test",
        PytestSuite(
            ["tests/strands/vended_memory_stores/test_memory_store/test_store.py"],
            "strands-agents==1.62.0",
            ours=["tests/adapters/test_strands.py"],
            venv=["strands-agents==1.62.0", "moto==5.2.5", *VENV],
            plugin="strands_plugin",
            expected=STRANDS,
        ),
    ),
    Suite(
        "crewai",
        "CrewAI storage backend: crewai 1.15.30, `tests/memory`, and our end-to-end test",
        PytestSuite(
            ["tests/memory"],
            "crewai==1.15.30",
            ours=["tests/adapters/test_crewai.py"],
            venv=["crewai==1.15.30", "pytest-mock==3.15.1", "pytest-timeout==2.4.0", *VENV],
            plugin="crewai_plugin",
            # 50,001 records in one save: LanceDB's own limit on a scan, minutes through a journal
            options=["--timeout=60", "-k", "not exceeding_scan_cap"],
            expected=CREWAI,
        ),
    ),
    Suite("mcp", "MCP: @modelcontextprotocol/conformance 0.1.16 on `/mcp`", run_mcp),
    Suite(
        "server-memory",
        "The same calls to @modelcontextprotocol/server-memory 2026.8.31 and to ours",
        run_server_memory,
    ),
    Suite("schemathesis", "HTTP: schemathesis 4.32.0 on `/openapi.json`", run_schemathesis),
)
