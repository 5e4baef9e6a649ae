"""A page of its own: one file with styles, drawing and script inside, which may load nothing.

Whatever comes from a memory goes through `told` or `escape`, and the content security policy allows
no network, no foreign script and no handler in an attribute: only the script that the page was
written with, by its hash.
"""

import base64
import hashlib
from collections.abc import Mapping
from html import escape

SHOWN = 160  # characters of a text

_STYLE = """
:root { color-scheme: light dark; --paper: #fbfaf7; --card: #fff; --ink: #23262b; --quiet: #686b70;
  --line: #dcd8cf; --grid: #eceae4; --accent: #35618e }
@media (prefers-color-scheme: dark) { :root { --paper: #17191c; --card: #1f2226; --ink: #e6e4df;
  --quiet: #a0a3a8; --line: #3a3f46; --grid: #292d32; --accent: #8fb8de } }
* { box-sizing: border-box }
body { font: 15px/1.45 ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  margin: 0 auto; padding: 1.25rem 1.5rem 2rem; max-width: 78rem; background: var(--paper);
  color: var(--ink) }
h1 { font-size: 1.25rem; font-weight: 600; margin: 0 0 .25rem }
p { margin: .25rem 0 .75rem; color: var(--quiet) }
svg { display: block; width: 100%; background: var(--card); border: 1px solid var(--line);
  border-radius: 10px }
svg text { fill: var(--quiet); font-size: 12px }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1.1rem; margin: .5rem 0 .75rem;
  color: var(--ink) }
.legend b { display: inline-block; width: .8em; height: .8em; border-radius: 3px;
  margin-right: .4em; vertical-align: -.05em }
"""


def page(title: str, body: str, *, style: str = "", script: str = "") -> str:
    """Return a whole HTML page.

    Args:
        title: plain text.
        body: HTML, everything foreign in it escaped by the caller.
        style: more CSS, for this page.
        script: JavaScript of our own; nothing of a memory stands in it.
    """
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    allowed = f"; script-src 'sha256-{digest}'" if script else ""
    policy = f"default-src 'none'; style-src 'unsafe-inline'{allowed}; base-uri 'none'"
    tail = f"<script>{script}</script>\n" if script else ""
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{escape(title)}</title>
<style>{_STYLE}{style}</style></head><body>
{body}
{tail}</body></html>
"""


def legend(colours: Mapping[str, str]) -> str:
    """Return the legend of some names and their colours, as HTML."""
    spans = (
        f'<span><b style="background:{colour}"></b>{told(name)}</span>'
        for name, colour in colours.items()
    )
    return f'<div class="legend">{"".join(spans)}</div>'


def told(text: str, width: int = SHOWN) -> str:
    """Return a text on one line, shortened, its control and direction signs gone, as HTML."""
    return escape(shortened(text, width))


def shortened(text: str, width: int = SHOWN) -> str:
    """Return a text on one line, shortened, without control and direction signs."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= width else line[: width - 1] + "…"
