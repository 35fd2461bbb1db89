"""Profile `nnie`: HiSilicon's logarithmic GFPQ of 8 or 16 bits, one coefficient a tensor, at sixteenths of an octave.

All inputs of one layer share a coefficient. How products are added is not published.
"""

from workbench.workflow.profiles.profile import Accumulation, Profile, Requantization
from workbench.workflow.profiles.rules import SameScale
from workbench.workflow.profiles.side import Side

NNIE = Profile(
    name="nnie",
    title="HiSilicon NNIE (GFPQ)",
    runs_on="NNIE",
    weights=Side(("gfpq8", "gfpq16")),
    activations=Side(("gfpq8", "gfpq16"), rounding="nearest_even"),
    accumulation=Accumulation(bits=None),
    requantization=Requantization("to the nearest exponent"),
    bias="float",
    rules=(SameScale(("Concat", "Add", "Sum", "Max"), output=False),),
    sources=(
        "HiSilicon GFPQ library guide",
        "MQBench documentation, NNIE: per-layer logarithmic quantization, inputs of a layer share their coefficient",
    ),
)
