"""Finds value-shaped secrets in a draft before it is hashed, embedded, indexed or logged.

    off       nothing is looked for
    flag      the text stays, `metadata["secrets"]` names what kinds it holds
    redact    each secret becomes `[kind]`, and the kinds are named as well
    reject    the draft is refused with `SecretRefused`

Precision first: a rule needs a telling prefix, a checksum or a name such as `password=` beside a
value that is random enough. Prose, identifiers, hashes and dates are left alone. What is shown of a
secret is its kind, never a part of its value.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from memory_core.config import SecretMode
from memory_core.errors import SecretRefused
from memory_core.limits import MAX_METADATA_KEYS, MetadataValue
from memory_core.types import Draft, Source

FLAG = "secrets"
"""The metadata key that names the kinds found."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret's kind and place in a text, in characters."""

    kind: str
    start: int
    stop: int


def find_secrets(text: str) -> list[Secret]:
    """Return the secrets of a text, first to last; they do not overlap.

    Example:
        >>> found = find_secrets("use AKIA" + "Q3ZT7RLM2XWY5UVB please")
        >>> [(secret.kind, secret.start, secret.stop) for secret in found]
        [('aws-key', 4, 24)]
    """
    lowered = text.lower()
    found: list[Secret] = []
    for rule in _RULES:
        if any(hint in lowered for hint in rule.hints):
            found += rule.find(text)
    found.sort(key=lambda secret: (secret.start, -secret.stop))
    apart: list[Secret] = []
    for secret in found:
        if not apart or secret.start >= apart[-1].stop:
            apart.append(secret)
    return apart


def redacted(text: str) -> tuple[str, list[str]]:
    """Return the text with each secret replaced by `[kind]`, and the kinds found."""
    found = find_secrets(text)
    for secret in reversed(found):
        text = f"{text[: secret.start]}[{secret.kind}]{text[secret.stop :]}"
    return text, sorted({secret.kind for secret in found})


@dataclass(frozen=True, slots=True)
class SecretGuard:
    """Treats drafts by the mode of their source.

    Example:
        >>> guard = SecretGuard({"tool": "redact"})
        >>> draft = Draft(text="password: hunter2!Xq9", source="tool")
        >>> guard(draft).text, guard(draft).metadata
        ('password: [credential]', {'secrets': ['credential']})
    """

    modes: Mapping[Source, SecretMode]
    """By source."""
    other: SecretMode = "flag"
    """For a source that is not named."""

    def __call__(self, draft: Draft) -> Draft:
        """Return the draft as it may be stored.

        Raises:
            SecretRefused: the mode of its source is `reject`, and it holds one.
        """
        mode = self.modes.get(draft.source, self.other)
        if mode == "off":
            return draft
        text, kinds = redacted(draft.text)
        metadata, more = _metadata(draft.metadata)
        if not (every := sorted({*kinds, *more})):
            return draft
        if mode == "reject":
            raise SecretRefused(
                f"the draft holds {', '.join(every)} and source {draft.source!r} is set to reject "
                "secrets; take them out"
            )
        kept = metadata if mode == "redact" else dict(draft.metadata)
        if len(kept) < MAX_METADATA_KEYS or FLAG in kept:
            kept[FLAG] = every
        return draft.model_copy(
            update={"text": text if mode == "redact" else draft.text, "metadata": kept}
        )


def _metadata(metadata: Mapping[str, MetadataValue]) -> tuple[dict[str, MetadataValue], set[str]]:
    clean: dict[str, MetadataValue] = {}
    kinds: set[str] = set()
    for name, value in metadata.items():
        if isinstance(value, str):
            clean[name], found = redacted(value)
            kinds.update(found)
        elif isinstance(value, list) and value and isinstance(value[0], str):
            pairs = [redacted(str(item)) for item in value]
            clean[name] = [item for item, _ in pairs]
            kinds.update(kind for _, found in pairs for kind in found)
        else:
            clean[name] = value
    return clean, kinds


def _random_enough(word: str, value: str) -> bool:
    """Tell whether a value beside a telling name looks chosen as a secret, not as a word."""
    if value.casefold() in _PLACEHOLDERS or _REFERENCE.match(value):
        return False
    mixed = sum(
        any(test(letter) for letter in value)
        for test in (str.islower, str.isupper, str.isdigit, lambda letter: not letter.isalnum())
    )
    if word.casefold().startswith(("pass", "pwd", "pin")):
        return mixed >= 2 and any(letter.isdigit() for letter in value)
    return len(value) >= 12 and mixed >= 2 and _entropy(value) >= 3.0


def _entropy(value: str) -> float:
    """Return bits a character by the value's own letter frequencies."""
    counts = Counter(value)
    return -sum(n / len(value) * math.log2(n / len(value)) for n in counts.values())


def _luhn(value: str) -> bool:
    digits = [int(letter) for letter in value if letter.isdigit()]
    doubled = [n if place % 2 == 0 else sum(divmod(2 * n, 10)) for place, n in
               enumerate(reversed(digits))]  # fmt: skip
    return sum(doubled) % 10 == 0 and len(set(digits)) > 2


def _credential(match: re.Match[str]) -> bool:
    return _random_enough(match["word"], match[match.lastgroup or 0])


@dataclass(frozen=True, slots=True)
class Rule:
    """How one kind of secret looks; the group `value`, or the last one, is the secret."""

    kind: str
    hints: tuple[str, ...]
    """Lower case; a text without any of them is not searched."""
    pattern: re.Pattern[str]
    holds: Callable[[re.Match[str]], bool] = lambda match: True

    def find(self, text: str) -> Iterator[Secret]:
        """Yield this kind's secrets."""
        for match in self.pattern.finditer(text):
            if self.holds(match):
                yield Secret(self.kind, *match.span(match.lastgroup or 0))


def _rule(kind: str, hints: str, pattern: str, holds: Callable[[re.Match[str]], bool] | None = None,
          ) -> Rule:  # fmt: skip
    found = re.compile(pattern)
    return Rule(kind, tuple(hints.split()), found, holds or (lambda match: True))


_WORDS = (
    r"pass(?:word|wd|phrase|code)?|pwd|(?:api|access|secret|private|auth|account|client|signing|"
    r"encryption)[ _-]?(?:access[ _-]?)?(?:key|token|secret)|secret|token|credentials?"
)
_NAMED = (
    rf"(?i:(?<![A-Za-z0-9])(?P<word>{_WORDS})[\"']?(?:\s*(?:=>|:=|[:=])\s*|\s+is\s+)"
    r"(?:\"(?P<double>[^\"\s]{6,256})\"|'(?P<single>[^'\s]{6,256})'"
    r"|(?P<bare>[^\s\"'`,;<>(){}\[\]]{6,256})))"
)
_RULES = (
    _rule(
        "private-key",
        "private",
        r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----"
        r"(?:[\s\S]*?-----END (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----|[\s\S]*)",
    ),
    _rule("jwt", "eyj", r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{10,}"),
    _rule("aws-key", "akia asia aroa aida", r"\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{16}\b"),
    _rule("github-token", "ghp_ gho_ ghu_ ghs_ ghr_", r"\bgh[pousr]_[A-Za-z0-9]{36,255}\b"),
    _rule("github-token", "github_pat_", r"\bgithub_pat_[A-Za-z0-9_]{22,255}\b"),
    _rule("gitlab-token", "glpat- glptt- gldt- glrt-", r"\bgl(?:pat|ptt|dt|rt)-[\w-]{20,}"),
    _rule("slack-token", "xox", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"),
    _rule("slack-hook", "hooks.slack.com", r"\bhttps://hooks\.slack\.com/services/[\w/]{20,}"),
    _rule(
        "api-key",
        "sk-",
        r"\bsk-(?:proj-|ant-[a-z0-9]+-|or-v1-|live-|svcacct-)?[A-Za-z0-9_-]{20,}",
    ),
    _rule("stripe-key", "k_live_ k_test_", r"\b[sr]k_(?:live|test)_[A-Za-z0-9]{16,}"),
    _rule("stripe-key", "whsec_", r"\bwhsec_[A-Za-z0-9]{24,}"),
    _rule("google-key", "aiza", r"\bAIza[\w-]{35}(?![\w-])"),
    _rule("google-key", "ya29. gocspx-", r"\b(?:ya29\.|GOCSPX-)[\w-]{20,}"),
    _rule("huggingface-token", "hf_", r"\bhf_[A-Za-z0-9]{30,}\b"),
    _rule("npm-token", "npm_", r"\bnpm_[A-Za-z0-9]{36}\b"),
    _rule("pypi-token", "pypi-", r"\bpypi-AgE[\w-]{40,}"),
    _rule("sendgrid-key", "sg.", r"\bSG\.[\w-]{16,}\.[\w-]{16,}"),
    _rule("twilio-key", "sk", r"\bSK[0-9a-f]{32}\b"),
    _rule("telegram-token", ":aa", r"\b\d{8,10}:AA[\w-]{33}(?![\w-])"),
    _rule("age-key", "age-secret-key", r"\bAGE-SECRET-KEY-1[A-Z0-9]{50,}"),
    _rule("url-password", "://", r"(?<=://)[^\s:/@]{1,64}:[^\s/@]{3,128}(?=@[\w.-]+)"),
    _rule("bearer", "bearer ", r"(?<=[Bb]earer )[A-Za-z0-9_.~+/-]{20,}=*"),
    _rule(
        "card",
        "3 4 5 6",
        r"(?<![\w.-])[3-6]\d{3}[ -]?\d{4}[ -]?\d{4}[ -]?\d{3,4}(?![\w-]|\.\d)",
        lambda match: _luhn(match[0]),
    ),
    _rule("credential", "pass pwd secret token key credential", _NAMED, _credential),
)
_PLACEHOLDERS = frozenset(
    {
        "required", "optional", "password", "changeme", "change-me", "example", "placeholder",
        "redacted", "undefined",
    }
)  # fmt: skip
_REFERENCE = re.compile(r"\$|\{|%|<|\*{3}|x{4,}|\.\.\.|os\.|env\.|process\.|self\.|https?://", re.I)
