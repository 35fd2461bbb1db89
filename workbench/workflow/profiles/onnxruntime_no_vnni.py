"""Profile `onnxruntime_no_vnni`: x86 CPUs without VNNI, where pairs of uint8 * int8 products saturate at int16."""

import dataclasses

from workbench.workflow.profiles.onnxruntime import ONNXRUNTIME
from workbench.workflow.profiles.profile import Accumulation

ONNXRUNTIME_NO_VNNI = dataclasses.replace(
    ONNXRUNTIME,
    name="onnxruntime_no_vnni",
    title="onnxruntime (x86 CPU without VNNI)",
    runs_on="onnxruntime, no VNNI",
    accumulation=Accumulation(saturating_pairs=True),
    sources=(*ONNXRUNTIME.sources, "Intel 64 instruction set reference, VPMADDUBSW"),
)
