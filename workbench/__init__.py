"""An interactive neural-network quantization workbench: `import workbench as wb`.

The public names are fetched from their module when first used (PEP 562), so that `workbench.numerics` alone loads
neither ONNX nor widgets. Inside the package import the module itself, not this front door.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# public name -> the module below `workbench` that holds it
_HOME = {
    "load": "workflow.opening",
    "check_inputs": "workflow.check_inputs",
    "images": "workflow.images",
    "calibrate": "workflow.calibrate",
    "Calibration": "workflow.calibration",
    "memory_needed": "workflow.memory",
    "choose": "workflow.choose",
    "Recipe": "workflow.recipe",
    "with_range_mode": "workflow.range_modes",
    "simulate": "workflow.simulate",
    "Simulator": "workflow.simulate",
    "sensitivity": "workflow.sensitivity",
    "allocate": "workflow.allocate",
    "output_curve": "workflow.output_curve",
    "judge": "workflow.acceptance",
    "changed_samples": "workflow.samples",
    "changes_between": "workflow.samples",
    "error_along_depth": "workflow.depth",
    "TASKS": "workflow.tasks.catalogue",
    "guess_task": "workflow.tasks.catalogue",
    "calibration_drift": "workflow.calibration_drift",
    "common_bins": "workflow.common_bins",
    "enough_samples": "workflow.range_against_samples",
    "range_against_samples": "workflow.range_against_samples",
    "sample_groups": "workflow.sample_groups",
    "diagnose": "workflow.diagnose",
    "equalize": "workflow.repairs.equalize",
    "export": "workflow.export.exporting",
    "TARGETS": "workflow.export.catalogue",
    "health": "workflow.health",
    "PROFILES": "workflow.profiles.catalogue",
    "Profile": "workflow.profiles.profile",
    "fitted_to": "workflow.profiles.fitting",
    "tied": "workflow.profiles.fitting",
    "read_ranges": "workflow.ranges.importing",
    "recipe_from_ranges": "workflow.ranges.importing",
    "READERS": "workflow.ranges.catalogue",
    "own_target": "workflow.export.own_target",
    "open_quantized": "workflow.ranges.opening",
    "match_names": "workflow.export.names",
    "FORMATS": "numerics.formats.catalogue",
    "ROUNDINGS": "numerics.formats.rounding",
    "OVERFLOWS": "numerics.formats.rounding",
    "PRESETS": "numerics.formats.presets",
    "format_from_levels": "numerics.formats.codebook",
    "fit_codebook": "numerics.codebooks.fit_codebook",
    "entropy_bits": "numerics.codebooks.entropy_coding",
    "Format": "numerics.formats.format",
    "Quantizer": "numerics.quantizer",
    "DynamicQuantizer": "numerics.dynamic",
    "SortedSums": "numerics.statistics.sorted_sums",
    "Histogram": "numerics.statistics.histogram",
    "LinearHistogram": "numerics.statistics.linear_histogram",
    "expected_error": "numerics.errors.expected",
    "measured_error": "numerics.errors.measured",
    "QuantizationError": "numerics.errors.error",
    "CLIPPING": "numerics.clipping.catalogue",
    "ClipRange": "numerics.clipping.clip_range",
    "sweep": "numerics.clipping.sweep",
    "ThresholdCurve": "numerics.clipping.sweep",
    "App": "ui.app",
    "Study": "ui.study",
    "explore": "ui.explorer",
    "numbers": "ui.number_explorer",
    "NumberExplorer": "ui.number_explorer",
    "dissect": "numerics.formats.anatomy",
    "WorkbenchError": "messages",
    "Notice": "messages",
}
_ROOMS = {
    "demo": "demo",
    "lessons": "lessons",
    "arithmetic": "numerics.arithmetic",
    "codebooks": "numerics.codebooks",
}  # public as a whole

__all__ = ["__version__", *_HOME, *_ROOMS]


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        globals()[name] = import_module(f"{__name__}.{_ROOMS[name]}")
        return globals()[name]
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__dir__())}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
