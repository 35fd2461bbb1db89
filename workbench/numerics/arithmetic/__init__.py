"""The arithmetic of quantized inference made visible: small pure functions in float64 and whole numbers.

They show every step that a kernel takes (codes, accumulators, shifts, saturation), for lessons, explanations and target
profiles. Nothing here is tuned for speed; what a network is simulated with are `formats` and `quantizer`.
"""

from workbench.numerics.submodules import front_door

__all__, __getattr__, __dir__ = front_door(__name__, __path__)
