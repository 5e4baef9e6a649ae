"""A real Chromium without a window, driven over its DevTools protocol: for pages that must not lie.

Nothing but the browser and a websocket is needed. The browser gets a profile of its own and may
reach this machine only.
"""

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from memory_core.errors import MissingExtra, NotFound

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
    "--no-first-run", "--no-default-browser-check", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-default-apps", "--hide-scrollbars",
    "--disable-background-timer-throttling", "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--remote-debugging-port=0",
)  # fmt: skip
PATIENCE = 30.0


def browser_path() -> str | None:
    """Return where a Chromium is installed, None without one."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Browser:
    """One page of a browser; a context manager.

    Example:
        >>> if browser_path():
        ...     with Browser() as browser:
        ...         browser.run("6 * 7")
        ... else:
        ...     42
        42
    """

    def __init__(self) -> None:
        """Start it.

        Raises:
            NotFound: no Chromium is installed.
            MissingExtra: the websocket library is not installed.
        """
        try:
            from websockets.sync.client import connect
        except ImportError as error:
            raise MissingExtra("websockets", "dev") from error
        if (path := browser_path()) is None:
            raise NotFound("no Chromium is installed; run: apt-get install chromium")
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        place = self._profile.name
        self._process = subprocess.Popen(
            [path, *FLAGS, f"--user-data-dir={place}", "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "HOME": place},
        )  # fmt: skip
        self._count = 0
        self.said: list[str] = []
        """What the page wrote to its console, and what broke in it."""
        self.asked: list[str] = []
        """Every address that the page asked for."""
        self._socket = connect(self._address(Path(place)), max_size=None)
        self._session: str | None = None
        targets = self.call("Target.getTargets")["targetInfos"]
        target = next(each["targetId"] for each in targets if each["type"] == "page")
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        self.call("Emulation.setFocusEmulationEnabled", enabled=True)
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: object) -> dict[str, Any]:
        """Call the protocol and return its result.

        Raises:
            RuntimeError: the browser refused, or did not answer in time.
        """
        self._count += 1
        message: dict[str, object] = {"id": self._count, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        self._socket.send(json.dumps(message))
        while True:
            try:
                answer = json.loads(self._socket.recv(timeout=PATIENCE))
            except TimeoutError as error:
                raise RuntimeError(f"{method} was not answered in {PATIENCE:g} s") from error
            if answer.get("id") == self._count:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                result: dict[str, Any] = answer["result"]
                return result
            self._heard(answer)

    def run(self, script: str) -> Any:
        """Return the value of a script in the page; promises are awaited.

        Raises:
            RuntimeError: it threw.
        """
        answer = self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True,
            userGesture=True,
        )  # fmt: skip
        if "exceptionDetails" in answer:
            raise RuntimeError(str(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def open(self, address: str, ready: str = "document.readyState === 'complete'") -> None:
        """Go to an address and wait until a script there is true."""
        self.call("Page.navigate", url=address)
        self.wait(ready)

    def wait(self, script: str, seconds: float = PATIENCE) -> None:
        """Wait until a script in the page is true.

        Raises:
            RuntimeError: it never was.
        """
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            try:
                if self.run(f"Boolean({script})"):
                    return
            except RuntimeError as error:
                if "context" not in str(error):  # the page is just being replaced
                    raise
            time.sleep(0.03)
        raise RuntimeError(f"never true in {seconds:g} s: {script}; it said {self.said[-5:]}")

    def press(self, key: str) -> None:
        """Press and release a key."""
        text = {"text": key} if len(key) == 1 else {"text": "\r"} if key == "Enter" else {}
        code = {"Enter": 13, "Escape": 27, "ArrowDown": 40, "ArrowUp": 38, "Tab": 9}.get(key, 0)
        given = {"key": key, "windowsVirtualKeyCode": code}
        self.call("Input.dispatchKeyEvent", type="keyDown", **given, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", **given)

    def look(self, width: int, height: int, *, dark: bool = False) -> None:
        """Set the size of the window, and whether the person likes it dark."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
            mobile=width < 600,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        still = {"name": "prefers-reduced-motion", "value": "reduce"}
        self.call("Emulation.setEmulatedMedia", features=[scheme, still])

    def picture(self, path: Path) -> None:
        """Write what is seen as a PNG."""
        shot = self.call("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(shot["data"]))

    def close(self) -> None:
        """End it."""
        self._socket.close()
        self._process.terminate()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._profile.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _address(self, place: Path) -> str:
        told = place / "DevToolsActivePort"
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            if told.exists() and len(lines := told.read_text().split("\n")) >= 2:
                return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
            if self._process.poll() is not None:
                break
            time.sleep(0.05)
        self._process.kill()
        raise NotFound("Chromium did not start; try it by hand with --headless")

    def _heard(self, event: dict[str, Any]) -> None:
        params = event.get("params", {})
        match event.get("method"):
            case "Network.requestWillBeSent":
                self.asked.append(params["request"]["url"])
            case "Runtime.exceptionThrown":
                self.said.append(json.dumps(params["exceptionDetails"])[:800])
            case "Runtime.consoleAPICalled":
                self.said.append(json.dumps(params["args"])[:400])
            case "Log.entryAdded":
                self.said.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
