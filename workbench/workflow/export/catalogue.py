"""All export targets by name. A new target is one file, one entry, one test."""

from workbench.catalogue import Catalogue
from workbench.workflow.export.onnx_fp16 import ONNX_FP16
from workbench.workflow.export.onnx_qdq import ONNX_QDQ
from workbench.workflow.export.target import Target

TARGETS: Catalogue[Target] = Catalogue(
    "export target", {target.name: target for target in (ONNX_QDQ, ONNX_FP16)}, key_of=lambda t: t.name
)
