"""All clipping methods by name. A new method is one file, one entry, one test."""

from workbench.catalogue import Catalogue
from workbench.numerics.clipping.clip_range import ClippingMethod
from workbench.numerics.clipping.entropy import entropy
from workbench.numerics.clipping.least_error import least_error
from workbench.numerics.clipping.min_max import min_max
from workbench.numerics.clipping.percentile import percentile

CLIPPING: Catalogue[ClippingMethod] = Catalogue(
    "clipping method",
    {"least_error": least_error, "entropy": entropy, "min_max": min_max, "percentile": percentile},
)
