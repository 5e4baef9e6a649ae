"""Whether a memory knows that it does not know: refusing unanswerable questions, at what price.

    refused(t)   share of unanswerable questions whose best relevance is below t     (wanted)
    lost(t)      share of answerable questions whose best relevance is below t       (the price)
    area         P(relevance of an unanswerable < that of an answerable), ties count half

The curve of refused over lost is the ROC of "below t" as a test for "cannot be answered" (Fawcett
2006); an area of 0.5 tells nothing apart.
"""

from dataclasses import dataclass

import numpy as np

from memory_core.errors import InvalidInput
from memory_core.evals.result import Result


@dataclass(frozen=True, slots=True)
class Curve:
    """The trade of one evaluation, threshold by threshold."""

    thresholds: tuple[float, ...]
    """Ascending; a recall is refused when its best relevance is below."""
    refused: tuple[float, ...]
    lost: tuple[float, ...]
    area: float
    default: float
    """The threshold that was in force."""
    at_default: tuple[float, float]
    """Refused and lost at that threshold."""
    unanswerable: int
    answerable: int

    def best_within(self, price: float) -> tuple[float, float, float]:
        """Return the threshold, refused and lost that refuse most while `price` at most is lost."""
        affordable = [n for n, lost in enumerate(self.lost) if lost <= price]
        best = max(affordable, key=lambda n: (self.refused[n], -self.lost[n]))
        return self.thresholds[best], self.refused[best], self.lost[best]


def curve_of(result: Result) -> Curve:
    """Return the trade that an evaluation's rows show.

    Raises:
        InvalidInput: it has no unanswerable or no answerable questions.
    """
    no = np.sort([row.relevance for row in result.rows if not row.answerable])
    yes = np.sort([row.relevance for row in result.rows if row.answerable])
    if not len(no) or not len(yes):
        raise InvalidInput(
            f"{result.data}: {len(no)} unanswerable and {len(yes)} answerable questions; "
            "abstention needs both"
        )
    thresholds = np.unique(np.concatenate(([0.0], no, yes, [np.nextafter(1.0, 2.0)])))
    below_no, below_yes = (
        np.searchsorted(values, thresholds, side="left") / len(values) for values in (no, yes)
    )
    pairs = len(no) * len(yes)
    above = len(yes) - np.searchsorted(yes, no, side="right")
    ties = np.searchsorted(yes, no, side="right") - np.searchsorted(yes, no, side="left")
    at = result.min_relevance
    return Curve(
        thresholds=tuple(thresholds.tolist()),
        refused=tuple(below_no.tolist()),
        lost=tuple(below_yes.tolist()),
        area=float((above + ties / 2).sum() / pairs),
        default=at,
        at_default=(float(np.mean(no < at)), float(np.mean(yes < at))),
        unanswerable=len(no),
        answerable=len(yes),
    )
