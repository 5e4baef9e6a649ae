"""T10: secrets are found before anything is kept of them, and look-alikes are left alone.

The secrets are generated in the shapes that the issuers publish, inside sentences and
configurations; the look-alikes are what stands in real notes: hashes, ids, versions, dates, prose
about passwords, code that reads a token from elsewhere.
"""

import random
import string
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from statistics import median

from memory_core.build import open_memory
from memory_core.errors import SecretRefused
from memory_core.lifecycle import secrets as guard
from memory_core.proofs.plants import planted
from memory_core.proofs.residue import Traces, scan
from memory_core.proofs.row import Findings, Proof, Run
from memory_core.types import Draft

LETTERS = string.ascii_letters + string.digits
UPPER = string.ascii_uppercase + string.digits
URLSAFE = LETTERS + "-_"
AT_LEAST = 0.98
MOST_MICROSECONDS = 100.0  # a KiB of text, median

Maker = Callable[[random.Random], str]


def _of(chance: random.Random, letters: str, count: int) -> str:
    return "".join(chance.choices(letters, k=count))


def _card(chance: random.Random) -> str:
    digits = [4, *(chance.randrange(10) for _ in range(14))]
    doubled = [n if place % 2 else sum(divmod(2 * n, 10)) for place, n in enumerate(digits)]
    full = "".join(map(str, [*digits, -sum(doubled) % 10]))
    return chance.choice((full, " ".join(full[at : at + 4] for at in range(0, 16, 4))))


def _password(chance: random.Random) -> str:
    return (
        _of(chance, string.ascii_lowercase, 5)
        + _of(chance, string.digits, 2)
        + _of(chance, UPPER + "!#%+", 5)
    )


SECRETS: tuple[tuple[str, Maker], ...] = (
    ("{}", lambda c: "AKIA" + _of(c, UPPER, 16)),
    ("{}", lambda c: "ghp_" + _of(c, LETTERS, 36)),
    ("{}", lambda c: "github_pat_" + _of(c, LETTERS, 22) + "_" + _of(c, LETTERS, 59)),
    ("{}", lambda c: "glpat-" + _of(c, URLSAFE, 20)),
    ("{}", lambda c: "xoxb-" + _of(c, string.digits, 12) + "-" + _of(c, LETTERS, 24)),
    ("{}", lambda c: "sk-proj-" + _of(c, URLSAFE, 48)),
    ("{}", lambda c: "sk-" + _of(c, LETTERS, 48)),
    ("{}", lambda c: "sk-ant-api03-" + _of(c, URLSAFE, 90)),
    ("{}", lambda c: "sk_live_" + _of(c, LETTERS, 24)),
    ("{}", lambda c: "AIza" + _of(c, URLSAFE, 34) + "x"),
    ("{}", lambda c: "hf_" + _of(c, LETTERS, 34)),
    ("{}", lambda c: "npm_" + _of(c, LETTERS, 36)),
    ("{}", lambda c: "SG." + _of(c, LETTERS, 22) + "." + _of(c, LETTERS, 43)),
    ("{}", lambda c: "SK" + _of(c, "0123456789abcdef", 32)),
    ("{}", lambda c: _of(c, "123456789", 9) + ":AA" + _of(c, LETTERS, 33)),
    ("{}", lambda c: ".".join(("eyJ" + _of(c, LETTERS, 30), "eyJ" + _of(c, LETTERS, 60),
                               _of(c, URLSAFE, 42) + "x"))),
    ("{}", lambda c: "-----BEGIN RSA PRIVATE KEY-----\n" + _of(c, LETTERS + "+/", 300)
     + "\n-----END RSA PRIVATE KEY-----"),
    ("postgres://{}@db.example.org/app", lambda c: "svc:" + _of(c, LETTERS, 14)),
    ("Authorization: Bearer {}", lambda c: _of(c, LETTERS, 40)),
    ("my card is {}, thanks", _card),
    ("password: {}", _password),
    ("my password is {}", _password),
    ('DB_PASSWORD="{}"', _password),
    ("api_key={}", lambda c: _of(c, LETTERS, 32)),
    ("aws_secret_access_key = {}", lambda c: _of(c, LETTERS + "+/", 40)),
    ("client_secret: '{}'", lambda c: _of(c, URLSAFE, 32)),
    ('"access_token": "{}"', lambda c: _of(c, LETTERS, 40)),
    ("export AUTH_TOKEN={}", lambda c: _of(c, LETTERS, 36)),
)  # fmt: skip
SENTENCES = (
    "{}", "please use {} for the deploy", "Remember this: {}", "2026-03-14 tool output:\n{}\ndone",
    "({})", "Ana said \u201c{}\u201d yesterday",
)  # fmt: skip
BENIGN: tuple[Maker, ...] = (
    lambda c: f"commit {_of(c, '0123456789abcdef', 40)} fixes the build",
    lambda c: f"sha256:{_of(c, '0123456789abcdef', 64)}",
    lambda c: f"the id is {uuid.UUID(int=c.getrandbits(128))}",
    lambda c: f"memory {_of(c, '0123456789abcdef', 16)} was superseded",
    lambda c: f"order {c.randrange(10**11, 10**12)} ships on 2026-0{c.randrange(1, 10)}-14",
    lambda c: f"call +351 {c.randrange(900, 999)} {c.randrange(100, 999)} {c.randrange(100, 999)}",
    lambda c: f"IBAN-like PT50 {c.randrange(1000, 9999)} and version 3.{c.randrange(99)}.1",
    lambda c: f"I forgot my password again, the {c.choice(('third', 'fourth'))} time this week",
    lambda c: f"The password is {c.choice(('required', 'wrong', 'optional', 'expired', 'secret'))}",
    lambda c: f"password: {c.choice(('required', 'changeme', 'optional', '********', '<yours>'))}",
    lambda c: "token = " + c.choice(('os.environ["TOKEN"]', 'get_token()', 'tokens[0]', 'None')),
    lambda c: f"api_key=${{{c.choice(('API_KEY', 'KEY', 'SERVICE_KEY'))}}}",
    lambda c: f"The key idea is {c.choice(('repetition', 'compositionality', 'understanding'))}",
    lambda c: f"token is a {c.choice(('placeholder', 'word', 'unit'))} of text",
    lambda c: f"https://example.org/{_of(c, LETTERS, 22)}?page={c.randrange(99)}",
    lambda c: f"mailto:ana{c.randrange(99)}@example.org and git@github.com:org/repo.git",
    lambda c: f"sk-learn {c.randrange(9)}.{c.randrange(9)} and task-{_of(c, string.digits, 8)}",
    lambda c: f"The secret is {c.choice(('patience', 'slow heat', 'good bread', 'out'))}",
    lambda c: f"bearer bonds are {c.choice(('rare', 'risky', 'old'))}; the bearer of this letter",
    lambda c: f"1234-5678-{c.randrange(1000, 9999)} is our ticket, 4{_of(c, '7', 15)}",
    lambda c: f"class TokenBucketRateLimiter{c.randrange(9)}: tokens: int = {c.randrange(999999)}",
    lambda c: f"max_tokens={c.randrange(10**6, 10**7)}, token_count: {c.randrange(10**7)}",
    lambda c: f"data:image/png;base64,{_of(c, LETTERS, 80)}",
    lambda c: f"credentials: see the {c.choice(('handbook', 'wiki-page-about-it', 'runbook'))}",
    lambda c: f"PATH=/usr/local/bin:/opt/{_of(c, string.ascii_lowercase, 9)}/bin",
)  # fmt: skip


def prove_secrets(run: Run, findings: Findings) -> None:
    """Detect generated secrets, leave look-alikes alone, and find none of them on disk."""
    chance, missed, changed = run.random, [], []
    with planted(run.planted):
        cases = [_case(chance, number) for number in range(run.size)]
        for text, secret in cases:
            kept, kinds = guard.redacted(text)
            findings.injected += 1
            if not kinds or secret in kept:
                missed.append(text)
        benign = [BENIGN[number % len(BENIGN)](chance) for number in range(run.size * 5 // 3)]
        changed = [text for text in benign if guard.redacted(text) != (text, [])]
        findings.n += len(cases) + len(benign)
        share = 1 - len(missed) / len(cases)
        findings.check(share >= AT_LEAST, f"{len(missed)} secrets missed: {missed[:2]}")
        findings.check(not changed, f"{len(changed)} look-alikes changed: {changed[:2]}")
        _on_disk(run.place, cases[: min(28, run.size)], findings)
    cost = median(_microseconds([text for text, _ in cases] + benign))
    findings.measured |= {
        "caught": f"{len(cases) - len(missed)} of {len(cases)}",
        "look_alikes_changed": len(changed),
        "median_us_a_kib": round(cost, 1),
    }


def _case(chance: random.Random, number: int) -> tuple[str, str]:
    form, make = SECRETS[number % len(SECRETS)]
    secret = make(chance)
    return chance.choice(SENTENCES).format(form.format(secret)), secret


def _on_disk(home: Path, cases: list[tuple[str, str]], findings: Findings) -> None:
    """Store them from a tool that is redacted and from one that is refused: no byte stays."""
    modes = {"tool": "redact", "document": "reject"}
    with open_memory(home, embedder="hash:32", secrets=modes) as memory:
        for text, secret in cases:
            memory.store(text, source="tool", metadata={"line": text[:500]})
            try:
                memory.store(text, source="document")
            except SecretRefused as error:
                findings.check(secret not in str(error), "the refusal quotes the secret")
            else:
                findings.check(False, f"not refused: {text}")
        memory.parts.catchup.drain()
        traces = [Traces("7" * 16, (secret.lower(),), ()) for _, secret in cases]
        found = scan(home, traces)
        findings.check(not found, f"{len(found)} secrets on disk: {found[:1]}")


def _microseconds(texts: list[str]) -> list[float]:
    """Return what looking through each text costs, for a KiB of such text."""
    costs = []
    draft = Draft(text="x", source="tool")
    modes = guard.SecretGuard({"tool": "redact"})
    for text in texts:
        long = draft.model_copy(update={"text": (text + "\n") * (1024 // (len(text) + 1) + 1)})
        begun = time.perf_counter()
        modes(long)
        costs.append((time.perf_counter() - begun) * 1e6 * 1024 / len(long.text))
    return costs


PROOFS = (
    Proof("T10", "secrets are found before anything is kept of them", 300, 84, prove_secrets),
)
