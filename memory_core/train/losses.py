"""What training minimises; the losses are those of sentence-transformers.

A bi-encoder learns what belongs together:

triplet   max(0, cos_distance(q, p) − cos_distance(q, n) + margin)      (Schroff et al. 2015)
infonce   −log exp(s·cos(q, p)) / Σ exp(s·cos(q, x))                    (van den Oord et al. 2018)
          x runs over every passage of the batch, hard negatives among them

`cached` infonce embeds a batch in small pieces and keeps their gradients (Gao et al. 2021), so the
number of negatives does not depend on the memory there is.

A cross-encoder learns from a question's list of passages x, its answer p among them:

listwise  −Σ t(x) log softmax(logit)(x), t the softmax of the labels      (ListNet, Cao et al. 2007)
binary    cross entropy of logistic(logit) with 1 for p, 0 for the rest, p weighted by its rarity
distill   listwise, t the softmax of a teacher's logits                    (Hinton et al. 2015)
"""

from collections.abc import Sequence
from typing import Any, Literal

from memory_core.train.examples import Example

Loss = Literal["triplet", "infonce", "cached-infonce"]
ListLoss = Literal["listwise", "binary", "distill"]

MARGIN = 0.2
"""Cosine distance by which a wrong passage must be further away."""
SCALE = 20.0
"""Inverse temperature, as all-MiniLM-L6-v2 was trained with."""
PIECE = 16
"""Texts a forward pass of the cached loss."""
SURE = 10.0
"""Label of the answer; the loss takes the softmax of a list's labels, so 1 would leave the answer
two fifths of the certainty among five."""


def make_loss(name: Loss, model: Any) -> Any:
    """Return the loss of that name for a sentence-transformers model."""
    from sentence_transformers.sentence_transformer import losses

    if name == "triplet":
        cosine = losses.TripletDistanceMetric.COSINE
        return losses.TripletLoss(model, distance_metric=cosine, triplet_margin=MARGIN)
    if name == "infonce":
        return losses.MultipleNegativesRankingLoss(model, scale=SCALE)
    return losses.CachedMultipleNegativesRankingLoss(model, scale=SCALE, mini_batch_size=PIECE)


def make_list_loss(name: ListLoss, model: Any, train: Sequence[Example]) -> Any:
    """Return the loss of that name for a sentence-transformers cross-encoder."""
    import torch
    from sentence_transformers.cross_encoder import losses

    if name == "binary":
        wrong = sum(len(example.negatives) for example in train) / len(train)
        return losses.BinaryCrossEntropyLoss(model, pos_weight=torch.tensor(wrong))
    return losses.ListNetLoss(model)
