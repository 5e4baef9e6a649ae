"""Low-rank adaptation: a few added weights learn, the model's own stay (Hu et al. 2022).

    W x  ->  W x + (alpha / rank) · B A x,   A (rank, in), B (out, rank), B starts at zero

After training B A is added to W, so what is saved is a plain model: nothing else has to know.
"""

import warnings
from dataclasses import dataclass
from typing import Any

from memory_core.errors import MissingExtra

_UNUSED = "pooler"
"""BERT's head for classification, which no pooling of tokens reads."""


@dataclass(frozen=True, slots=True)
class Lora:
    """How many weights are added, and where."""

    rank: int = 16
    alpha: int = 32
    dropout: float = 0.05
    modules: tuple[str, ...] = ()
    """Layers by the ends of their names; every linear layer and the word vectors when empty."""


@dataclass(frozen=True, slots=True)
class Weights:
    """Numbers of weights."""

    trained: int
    all: int

    @property
    def share(self) -> float:
        """The trained share, 0..1."""
        return self.trained / self.all


def weights(model: Any) -> Weights:
    """Return how many weights of a model training changes."""
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    return Weights(trained, sum(p.numel() for p in model.parameters()))


def add_lora(model: Any, lora: Lora) -> None:
    """Freeze a sentence-transformers model and add what is to learn.

    Raises:
        MissingExtra: peft is not installed.
    """
    try:
        from peft import LoraConfig, TaskType, get_peft_model
    except ImportError as error:
        raise MissingExtra("peft", "train") from error
    config = LoraConfig(
        task_type=TaskType.FEATURE_EXTRACTION,
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=list(lora.modules) or _layers(model[0].model),
    )
    with warnings.catch_warnings():  # peft asks transformers under a name that is going away
        warnings.simplefilter("ignore", FutureWarning)
        model[0].model = get_peft_model(model[0].model, config)


def _layers(transformer: Any) -> list[str]:
    """Return the names of the word vectors and of the linear layers that make a token's vector."""
    from torch.nn import Linear

    words = transformer.get_input_embeddings()
    return [
        name
        for name, layer in transformer.named_modules()
        if (layer is words or isinstance(layer, Linear)) and not name.startswith(_UNUSED)
    ]


def merge_lora(model: Any) -> None:
    """Add what was learnt to the model's own weights."""
    model[0].model = model[0].model.merge_and_unload()


def trainer_of_added(kind: type[Any]) -> type[Any]:
    """Return the trainer class, taught to load the best of its checkpoints of added weights.

    Theirs loads a checkpoint as a model of its own, whose weights have other names; it logs that
    it could not and goes on with the last.
    """

    class Trainer(kind):  # type: ignore[misc]
        def _load_from_checkpoint(self, checkpoint_path: str) -> None:
            self.model[0].model.load_adapter(checkpoint_path, "default")

    return Trainer
