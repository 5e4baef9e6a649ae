"""The model of the examples: a real one behind an OpenAI-compatible endpoint, or a scripted one.

With `OPENAI_BASE_URL` or `OPENAI_API_KEY` set, `answer` asks that endpoint (`OPENAI_MODEL` names
the model). Otherwise it answers by itself: with the recalled record that shares most words with the
question, so that the examples show offline what memory changes.
"""

import json
import os
import re
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

Message = Mapping[str, Any]
_WORD = re.compile(r"\w{3,}")


def answer(messages: Sequence[Message]) -> str:
    """Return the model's reply to a conversation of role and content."""
    if os.environ.get("OPENAI_BASE_URL") or os.environ.get("OPENAI_API_KEY"):
        return _asked(messages)
    return scripted("\n".join(str(message["content"]) for message in messages))


def scripted(prompt: str) -> str:
    """Return the recalled record that answers the last line of a prompt best."""
    question = _words(prompt.strip().splitlines()[-1])
    texts = [json.loads(line)["text"] for line in prompt.splitlines() if _is_record(line)]
    told = [text for text in texts if not text.endswith("?")]  # a question of before is no answer
    best = max(told, key=lambda text: len(question & _words(text)), default="")
    if "?" in prompt.splitlines()[-1] and question & _words(best):
        return f"You told me: {best}"
    return "Noted." if "?" not in prompt.splitlines()[-1] else "I do not know that yet."


def _asked(messages: Sequence[Message]) -> str:
    base = os.environ.get("OPENAI_BASE_URL", "https://api.openai.com/v1").rstrip("/")
    body = {"model": os.environ.get("OPENAI_MODEL", "gpt-5-mini"), "messages": list(messages)}
    request = urllib.request.Request(
        f"{base}/chat/completions",
        json.dumps(body).encode(),
        {
            "content-type": "application/json",
            "authorization": f"Bearer {os.environ.get('OPENAI_API_KEY', 'none')}",
        },
    )
    with urllib.request.urlopen(request, timeout=120) as response:
        return str(json.load(response)["choices"][0]["message"]["content"])


def _words(text: str) -> set[str]:
    return {word.casefold() for word in _WORD.findall(text)}


def _is_record(line: str) -> bool:
    return line.startswith('{"id"') and '"text"' in line
