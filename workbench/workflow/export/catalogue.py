"""All export targets by name. A new target is one file, one entry, one test."""

from workbench.catalogue import Catalogue
from workbench.workflow.export.aimet_encodings import AIMET_ENCODINGS
from workbench.workflow.export.aimet_encodings_2 import AIMET_ENCODINGS_2
from workbench.workflow.export.csv_table import CSV_TABLE
from workbench.workflow.export.html_report import HTML_REPORT
from workbench.workflow.export.model_explorer import MODEL_EXPLORER
from workbench.workflow.export.ncnn_table import NCNN_TABLE
from workbench.workflow.export.onnx_bf16 import ONNX_BF16
from workbench.workflow.export.onnx_float import ONNX_FLOAT
from workbench.workflow.export.onnx_fp16 import ONNX_FP16
from workbench.workflow.export.onnx_qdq import ONNX_QDQ
from workbench.workflow.export.onnx_qdq_tensorrt import ONNX_QDQ_TENSORRT
from workbench.workflow.export.ort_overrides import ORT_OVERRIDES
from workbench.workflow.export.recipe_file import RECIPE
from workbench.workflow.export.target import Target
from workbench.workflow.export.tensorrt_cache import TENSORRT_CACHE
from workbench.workflow.export.tpu_mlir_table import TPU_MLIR_TABLE

_ALL = (
    ONNX_QDQ,
    ONNX_QDQ_TENSORRT,
    ONNX_FP16,
    ONNX_BF16,
    ONNX_FLOAT,
    TENSORRT_CACHE,
    NCNN_TABLE,
    AIMET_ENCODINGS,
    AIMET_ENCODINGS_2,
    ORT_OVERRIDES,
    TPU_MLIR_TABLE,
    CSV_TABLE,
    RECIPE,
    HTML_REPORT,
    MODEL_EXPLORER,
)
TARGETS: Catalogue[Target] = Catalogue(
    "export target", {target.name: target for target in _ALL}, key_of=lambda t: t.name, member_type=Target
)
