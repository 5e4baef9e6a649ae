"""C2: random sequences of everything a memory can do, against a model that is a dict."""

from memory_core.proofs import needs
from memory_core.proofs.plants import planted
from memory_core.proofs.row import Findings, Proof, Run

STEPS = 50  # longest sequence


def prove_model(run: Run, findings: Findings) -> None:
    """Run `run.size` sequences of up to fifty steps; a counter-example is shrunk and shown."""
    from memory_core.proofs.machine import run_machine

    with planted(run.planted):
        try:
            number = run.random.randrange(1 << 30)
            findings.injected = run_machine(run.size, STEPS, number, shrink=not run.planted)
        except Exception as error:
            shown = " | ".join([str(error), *getattr(error, "__notes__", [])])
            findings.check(False, f"{type(error).__name__}: {shown}"[:2_000])
    findings.n = run.size
    findings.measured |= {"steps": findings.injected}


PROOFS = (
    Proof("C2", "any sequence of operations agrees with a model", 300, 4, prove_model,
          needs.generator),
)  # fmt: skip
