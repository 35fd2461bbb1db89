"""Answers about codebooks, analytical clipping, alternating scales and observed ranges."""

from collections.abc import Callable
from typing import Any

import numpy as np

from workbench.numerics.clipping.aciq import gauss_alpha, laplace_alpha, ncnn_gauss_threshold
from workbench.numerics.clipping.alternating import best_symmetric_scale, refine_symmetric_scale
from workbench.numerics.clipping.min_max import min_max
from workbench.numerics.clipping.moving_average import moving_average_range
from workbench.numerics.codebooks.finetuning import centroid_gradient, compression_ratio, finetuned, nearest_codes
from workbench.numerics.codebooks.lloyd import clusters, density_start, linear_start, lloyd
from workbench.numerics.codebooks.optimal import optimal_levels
from workbench.numerics.codebooks.weighted_values import WeightedValues
from workbench.numerics.statistics.histogram import Histogram

Case = dict[str, Any]
Answer = dict[str, Any]


def kmeans_codebook(case: Case) -> Answer:
    x, k = np.array(case["inputs"]["x"], np.float64), case["params"]["k"]
    values = WeightedValues.of(x)
    levels, error = optimal_levels(values.values, values.weights, k)
    start = linear_start(x.min(), x.max(), k)
    from_linear = lloyd(values, start)
    return {
        "optimal_centroids": levels.tolist(),
        "optimal_sse": error,
        "optimal_index": nearest_codes(x, levels).tolist(),
        "lloyd_linear_init_sse": from_linear.squared_error,
        "lloyd_density_init_sse": lloyd(values, density_start(values, k)).squared_error,
        "lloyd_linear_used_centroids": from_linear.n_used,
        "uniform_grid_sse": clusters(values, start).squared_error,
        "compression_ratio_32bit": compression_ratio(x.size, case["params"]["bits"], k),
    }


def centroid_gradient_step(case: Case) -> Answer:
    inputs, rate = case["inputs"], case["params"]["learning_rate"]
    levels, gradient = np.array(inputs["centroids"]), np.array(inputs["gradient"])
    codes = nearest_codes(np.array(inputs["w"]), levels)
    bits = (levels.size - 1).bit_length()
    return {
        "index": codes.tolist(),
        "grouped_gradient": centroid_gradient(codes, gradient, levels.size).tolist(),
        "new_centroids": finetuned(levels, codes, gradient, learning_rate=rate).tolist(),
        "compression_ratio_32bit": compression_ratio(codes.size, bits, levels.size),
    }


def alternating_scale(case: Case) -> Answer:
    params, x = case["params"], np.array(case["inputs"]["x"])
    assert params["start"] == "max/qmax", f"the workbench starts at max/qmax, not at {params['start']}"
    values, largest = WeightedValues.of(x), 2 ** (params["bits"] - 1) - 1
    refined = refine_symmetric_scale(values, largest, most_rounds=params["iterations"])
    codes = np.arange(-largest, largest + 1)
    return {
        "error_sequence_first": list(refined.errors),
        "scale": refined.scale,
        "q": codes[nearest_codes(x, codes * refined.scale)].tolist(),
        "sse": refined.errors[-1],
        "sse_max_scale": refined.errors[0],
        "best_grid_sse": best_symmetric_scale(values, largest)[1],
    }


def alpha_table(case: Case) -> Answer:
    bits = case["params"]["bits"]
    laplace, gauss = ([[b, alpha(b)] for b in bits] for alpha in (laplace_alpha, gauss_alpha))
    return {
        "laplace_alpha_over_b": laplace,
        "gauss_alpha_over_sigma": gauss,
        "published_laplace": [alpha for _, alpha in laplace],
        "published_gauss": [alpha for _, alpha in gauss],
    }


def aciq_clip(case: Case) -> Answer:
    bits = case["params"]["bits"]
    std, threshold = ncnn_gauss_threshold(case["inputs"]["absmax"], case["inputs"]["count"], bits)
    return {"std_estimate": std, "threshold": threshold, "scale": (2 ** (bits - 1) - 1) / threshold}


def observe(case: Case) -> Answer:
    batches = case["inputs"]["batches"]
    ranges = [(min(batch), max(batch)) for batch in batches]
    merged, widest = Histogram.of(batches[0]), []
    for i, batch in enumerate(batches):
        merged = merged + Histogram.of(batch) if i else merged
        found, lows_and_highs = min_max(merged, "int8"), np.array(ranges[: i + 1])
        # the workbench holds float32: that it is the right one is checked, the float64 it was rounded from is given
        in_float64 = [float(lows_and_highs[:, 0].min()), float(lows_and_highs[:, 1].max())]
        assert [found.low, found.high] == np.float32(in_float64).tolist()
        widest.append(in_float64)
    averages = {
        f"moving_average_c={c}": [list(moving_average_range(ranges[: i + 1], c)) for i in range(len(ranges))]
        for c in case["params"]["c"]
    }
    return {"minmax": widest, **averages}


ANSWERS: dict[str, Callable[[Case], Answer]] = {
    function.__name__: function
    for function in (kmeans_codebook, centroid_gradient_step, alternating_scale, alpha_table, aciq_clip, observe)
}
