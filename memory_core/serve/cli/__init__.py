"""The `memory` command: every verb of the library from a shell, tables for people, JSON for all.

Exit codes: 0 done; 1 a typed error, told on standard error; 2 wrong usage; 3 a check found faults.
"""


def main() -> None:
    """Run the command line."""
    from memory_core.serve.cli.app import run

    run()
