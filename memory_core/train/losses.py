"""The two ways a bi-encoder learns what belongs together, from sentence-transformers.

triplet   max(0, cos_distance(q, p) − cos_distance(q, n) + margin)      (Schroff et al. 2015)
infonce   −log exp(s·cos(q, p)) / Σ exp(s·cos(q, x))                    (van den Oord et al. 2018)
          x runs over every passage of the batch, hard negatives among them

`cached` infonce embeds a batch in small pieces and keeps their gradients (Gao et al. 2021), so the
number of negatives does not depend on the memory there is.
"""

from typing import Any, Literal

Loss = Literal["triplet", "infonce", "cached-infonce"]

MARGIN = 0.2
"""Cosine distance by which a wrong passage must be further away."""
SCALE = 20.0
"""Inverse temperature, as all-MiniLM-L6-v2 was trained with."""
PIECE = 16
"""Texts a forward pass of the cached loss."""


def make_loss(name: Loss, model: Any) -> Any:
    """Return the loss of that name for a sentence-transformers model."""
    from sentence_transformers.sentence_transformer import losses

    if name == "triplet":
        cosine = losses.TripletDistanceMetric.COSINE
        return losses.TripletLoss(model, distance_metric=cosine, triplet_margin=MARGIN)
    if name == "infonce":
        return losses.MultipleNegativesRankingLoss(model, scale=SCALE)
    return losses.CachedMultipleNegativesRankingLoss(model, scale=SCALE, mini_batch_size=PIECE)
