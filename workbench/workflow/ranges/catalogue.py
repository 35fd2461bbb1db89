"""All readers of ranges by name. A new one is one file, one entry, one test."""

from workbench.catalogue import Catalogue
from workbench.workflow.ranges.aimet_encodings import AIMET_ENCODINGS
from workbench.workflow.ranges.aimet_encodings_2 import AIMET_ENCODINGS_2
from workbench.workflow.ranges.csv_table import CSV_TABLE
from workbench.workflow.ranges.ncnn_table import NCNN_TABLE
from workbench.workflow.ranges.onnxruntime_cache import ONNXRUNTIME_CACHE
from workbench.workflow.ranges.qdq_file import QDQ_FILE
from workbench.workflow.ranges.ranges import Reader
from workbench.workflow.ranges.recipe_file import RECIPE_FILE
from workbench.workflow.ranges.tensorrt_cache import TENSORRT_CACHE
from workbench.workflow.ranges.tpu_mlir_table import TPU_MLIR_TABLE

_READERS: tuple[Reader, ...] = (
    TENSORRT_CACHE,
    NCNN_TABLE,
    AIMET_ENCODINGS,
    AIMET_ENCODINGS_2,
    ONNXRUNTIME_CACHE,
    QDQ_FILE,
    TPU_MLIR_TABLE,
    CSV_TABLE,
    RECIPE_FILE,
)

READERS: Catalogue[Reader] = Catalogue(
    "reader of ranges", {reader.name: reader for reader in _READERS}, key_of=lambda reader: reader.name
)
