"""Operations of the reference cases that the workbench cannot answer yet, each with the reason."""

_DISPLAY = "a published figure, shown beside measured ones; there is nothing to compute"
_KL = "other tools' definitions of the KL threshold are clipping methods that are not written yet"
_GFPQ = "the logarithmic format (GFPQ) is not in the catalogue yet"
_TENSORFLOW = "TensorFlow's MIN_FIRST arithmetic is not written yet"
_NVDLA = "the NVDLA converter is not written yet"
_Q_FORMAT = "Q formats are not in the catalogue yet"
_PRUNING = "pruning and binarization are not written yet"
_CLAMPING = "cut-offs of sigmoid and tanh are not written yet"
_KMEANS = "codebook formats are not in the catalogue yet"
_POWER = "formats with a power-of-two step are not in the catalogue yet"
_REQUANTIZE = "integer requantization is not written yet"

LATER: dict[str, str] = {
    "reference_table": _DISPLAY,
    "property": _DISPLAY,
    "storage_bytes": "sizes are counted by the recipe's report, which has no codebooks yet",
    "kl_threshold": _KL,
    "kl_threshold_symmetric": _KL,
    "kl_divergence": "the KL divergence of two given lists is part of those methods",
    "smooth_distribution": _KL,
    "gfpq": _GFPQ,
    "gfpq_levels": _GFPQ,
    "gfpq_sequence": _GFPQ,
    "z_candidates": _GFPQ,
    "decode_param_block": _GFPQ,
    "finetune_steps": _GFPQ,
    "momentum": _GFPQ,
    "tf_quantize": _TENSORFLOW,
    "dequantize_codes": _TENSORFLOW,
    "quantize_down_and_shrink_range": _TENSORFLOW,
    "requantize_same_params": _TENSORFLOW,
    "bits_needed": _TENSORFLOW,
    "nvdla_fp16_output": _NVDLA,
    "inf_replacement": _NVDLA,
    "saturate_round_shift": _NVDLA,
    "q_range_table": _Q_FORMAT,
    "q_select": _Q_FORMAT,
    "q_mac": _Q_FORMAT,
    "binarize": _PRUNING,
    "binary_dot": _PRUNING,
    "prune_weights": _PRUNING,
    "prune_filters": _PRUNING,
    "cutoff": _CLAMPING,
    "apply_cutoff": _CLAMPING,
    "kmeans_codebook": _KMEANS,
    "centroid_gradient_step": _KMEANS,
    "dynamic_fixed_point": _POWER,
    "power_of_two_weights": _POWER,
    "power_of_two_scale": _POWER,
    "flexpoint": "shared-exponent formats are not in the catalogue yet",
    "requantize": _REQUANTIZE,
    "quantized_matmul": _REQUANTIZE,
    "difference": _REQUANTIZE,
    "aciq_clip": "analytical clipping (ACIQ) is not written yet",
    "alpha_table": "analytical clipping (ACIQ) is not written yet",
    "alternating_scale": "alternating refinement of scales is not written yet",
    "observe": "moving averages of ranges are not written yet",
    "float2int8": "rounding half away from zero is not offered yet",
    "int8_dot_dequant": "ncnn's integer arithmetic comes with its export target",
    "round_float_from_f64": "the workbench holds float32, so that float64 is rounded twice",
    "round_float_many": "directed rounding is not offered yet",
    "truncate_low_16_bits": "truncation is not offered yet",
}
