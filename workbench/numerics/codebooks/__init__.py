"""Codebooks: few levels shared by many values (k-means weight sharing), fitted, finetuned, and their coded size."""

from workbench.numerics.submodules import front_door

__all__, __getattr__, __dir__ = front_door(__name__, __path__)
