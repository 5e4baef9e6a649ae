"""One HTTP endpoint that takes and gives JSON: retries, and keeps its key to itself."""

import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from os import getpid
from threading import Lock
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from memory_core.errors import EmbeddingFailed, InvalidSetting

if TYPE_CHECKING:
    import httpx

_BUSY = frozenset({408, 429, 500, 502, 503, 504})  # worth asking again
_FIRST_DELAY = 0.5
_LONGEST_DELAY = 8.0
_LONGEST_WAIT = 60.0  # a server that asks for more is down, and says so in the error
_EXCERPT = 200  # characters of an answer shown in an error

_log = logging.getLogger(__name__)


class Endpoint:
    """Posts JSON to paths below one address.

    Args:
        base_url: `http` or `https`; without user and password.
        api_key: sent as `Authorization: Bearer …` when given.
        timeout: seconds for one request.
        retries: further attempts after a busy or broken answer.
        sleep: waits between attempts; a test's own can count instead.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str | None,
        *,
        timeout: float = 60.0,
        retries: int = 4,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.address = _checked_address(base_url)
        self._key = _checked_key(api_key)
        self._timeout = timeout
        self._retries = retries
        self._sleep = sleep
        self._client: httpx.Client | None = None
        self._process = 0
        self._lock = Lock()

    def __repr__(self) -> str:
        return f"Endpoint({self.address!r})"

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the JSON object that the endpoint answers.

        Raises:
            EmbeddingFailed: no answer, a refusal, or an answer that is no JSON object.
        """
        content = json.dumps(body).encode()
        failure = ""
        for delay in self._delays():
            answer, failure = self._attempt(path, content)
            if answer is not None and answer.status_code not in _BUSY:
                return self._read(answer)
            if delay is None:
                break
            asked = _retry_after(answer)
            if asked > _LONGEST_WAIT:
                failure += f", and asks to wait {asked:.0f} s"
                break
            _log.info("%s: %s; trying again", self.address, failure)
            self._sleep(max(delay, asked))
        raise EmbeddingFailed(f"{self.address} {failure}; check the endpoint, then try again")

    def close(self) -> None:
        """Close the connections; a later post opens new ones."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _attempt(self, path: str, content: bytes) -> "tuple[httpx.Response | None, str]":
        """Return the answer, or None and the words for what went wrong."""
        import httpx

        try:
            answer = self._connected().post(self.address + path, content=content)
        except httpx.HTTPError as error:
            return None, f"did not answer ({type(error).__name__}: {self._shown(str(error))})"
        return answer, f"answered {answer.status_code} ({self._shown(answer.text)})"

    def _connected(self) -> "httpx.Client":
        """Return this process's client; a forked child must not share its parent's sockets."""
        import httpx

        with self._lock:
            if self._client is None or self._process != getpid():
                headers = {"Content-Type": "application/json"}
                if self._key:
                    headers["Authorization"] = f"Bearer {self._key}"
                self._client = httpx.Client(timeout=self._timeout, headers=headers)
                self._process = getpid()
            return self._client

    def _read(self, answer: "httpx.Response") -> dict[str, Any]:
        if answer.is_success:
            try:
                content = answer.json()
            except ValueError:
                content = None
            if isinstance(content, dict):
                return cast(dict[str, Any], content)
            raise EmbeddingFailed(
                f"{self.address} answered no JSON object ({self._shown(answer.text)}); "
                "check that it ends in /v1"
            )
        raise EmbeddingFailed(
            f"{self.address} answered {answer.status_code} ({self._shown(answer.text)}); "
            "check the key, the model's name and the address"
        )

    def _delays(self) -> Iterator[float | None]:
        """Give the seconds to wait after each attempt, and None after the last."""
        for attempt in range(self._retries):
            yield min(_FIRST_DELAY * 2**attempt, _LONGEST_DELAY)
        yield None

    def _shown(self, text: str) -> str:
        """Return the start of a server's words on one line, without the key."""
        text = text.replace(self._key, "[key]") if self._key else text
        return " ".join(text.split())[:_EXCERPT]


def _retry_after(answer: "httpx.Response | None") -> float:
    """Return the seconds that the answer asks to wait: a number or an HTTP date (RFC 9110)."""
    value = answer.headers.get("retry-after", "") if answer is not None else ""
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return 0.0


def _checked_address(base_url: str) -> str:
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidSetting(f"base_url {base_url!r} is no http address; write http://HOST/v1")
    if parts.username or parts.password:
        raise InvalidSetting("base_url holds a user or password; give api_key instead")
    return base_url.rstrip("/")


def _checked_key(api_key: str | None) -> str:
    key = (api_key or "").strip()
    if not key.isascii() or not key.isprintable():
        raise InvalidSetting("api_key holds characters that no header can carry; copy it again")
    return key
