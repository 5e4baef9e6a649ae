"""A figure that becomes a PNG: the one place that knows how matplotlib draws without a screen."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from memory_core.errors import MissingExtra

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@contextmanager
def saved_figure(
    path: Path, inches: tuple[float, float], *, extra: str = "plots", dpi: int = 120
) -> Iterator["Figure"]:
    """Give a figure to draw into, and write it as PNG if the block ends well.

    Args:
        path: the file.
        inches: width and height.
        extra: what to install where matplotlib is missing.
        dpi: pixels an inch.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("matplotlib", extra) from error
    figure = Figure(figsize=inches, layout="constrained")
    FigureCanvasAgg(figure)
    yield figure
    figure.savefig(path, dpi=dpi)
