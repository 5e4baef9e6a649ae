"""What every picture shares: colours that can be told apart, quiet axes, and names of files."""

from pathlib import Path
from typing import TYPE_CHECKING

from memory_core.errors import InvalidInput

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import XAxis, YAxis

COLOURS = (
    "#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#bbbbbb", "#222255",
    "#cc6600", "#117733", "#882255", "#44aa99",
)  # fmt: skip
"""After Paul Tol's schemes, which colour-blind people can tell apart."""
QUIET = "#686b70"


def plain(axes: "Axes", *, across: bool = True) -> None:
    """Leave of the frame what is read: two lines, and faint ones across, or down."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color("#c9c5bb")
    axes.tick_params(colors=QUIET)
    axes.set_axisbelow(True)
    axes.grid(axis="y" if across else "x", color="#eceae4")


def whole_numbers(axis: "XAxis | YAxis") -> None:
    """Label an axis with whole numbers, their sign left out."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(5, integer=True))
    axis.set_major_formatter(lambda value, _: f"{abs(int(value)):,}")


def files_of(out: Path, kinds: tuple[str, ...] = (".png", ".html")) -> list[Path]:
    """Return the files to write: the one that is named, or one of each kind without an ending.

    Raises:
        InvalidInput: another ending, or no such directory.
    """
    if out.suffix not in (*kinds, ""):
        raise InvalidInput(f"{out.name} does not end in {' or '.join(kinds)}; name such a file")
    if not out.parent.is_dir():
        raise InvalidInput(f"{out.parent} is no directory; name an existing one")
    return [out.with_suffix(kind) for kind in (kinds if not out.suffix else (out.suffix,))]
