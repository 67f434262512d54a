"""What a model is for: data, model, loss and measures bound together. Importing this package does not import jax."""

from elman.tasks.language_modelling import LanguageMetrics, LanguageModelling

__all__ = ["LanguageMetrics", "LanguageModelling"]
