"""All kinds of evidence by name. A new kind is one file, one entry, one test."""

from collections.abc import Callable, Iterator

from workbench.catalogue import Catalogue
from workbench.workflow.diagnosis.bias import bias
from workbench.workflow.diagnosis.case import Case
from workbench.workflow.diagnosis.channels import channels
from workbench.workflow.diagnosis.clipped import clipped
from workbench.workflow.diagnosis.coarse import coarse
from workbench.workflow.diagnosis.concat import concat
from workbench.workflow.diagnosis.coverage import coverage
from workbench.workflow.diagnosis.few_codes import few_codes
from workbench.workflow.diagnosis.finding import Finding
from workbench.workflow.diagnosis.float_range import float_range
from workbench.workflow.diagnosis.one_sided import one_sided
from workbench.workflow.diagnosis.outliers import outliers
from workbench.workflow.diagnosis.relu_n import relu_n
from workbench.workflow.diagnosis.saturating import saturating
from workbench.workflow.diagnosis.wide import wide

Evidence = Callable[[Case], Iterator[Finding]]

# Of findings that come out equal the first stays first: what explains more comes before what explains less.
KINDS: Catalogue[Evidence] = Catalogue(
    "kind of evidence",
    {
        "float_range": float_range,
        "clipped": clipped,
        "outliers": outliers,
        "wide": wide,
        "coverage": coverage,
        "concat": concat,
        "channels": channels,
        "one_sided": one_sided,
        "saturating": saturating,
        "coarse": coarse,
        "few_codes": few_codes,
        "bias": bias,
        "relu_n": relu_n,
    },
)
