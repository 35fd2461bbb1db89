"""Answers about KL divergence: other tools' thresholds, the divergence of two lists, and smoothing."""

from typing import Any

import numpy as np

from workbench.numerics.clipping.compatibility.caffe import search_caffe
from workbench.numerics.clipping.compatibility.mxnet import entropy_mxnet, search_mxnet
from workbench.numerics.clipping.compatibility.ncnn import search_ncnn
from workbench.numerics.clipping.compatibility.onnxruntime import search_onnxruntime
from workbench.numerics.clipping.compatibility.relative_entropy import relative_entropy, smooth
from workbench.numerics.clipping.compatibility.search import Search
from workbench.numerics.clipping.compatibility.slides import search_slides
from workbench.numerics.statistics.sorted_sums import SortedSums

Case = dict[str, Any]
Answer = dict[str, Any]


def plain(array: np.ndarray) -> list[Any]:
    """Numbers, None for a candidate that is out."""
    return [float(v) if np.isfinite(v) else None for v in array]


def histogram(case: Case) -> np.ndarray:
    """Counts, also where they are written as pairs of count and repetition."""
    inputs = case["inputs"]
    if "histogram_rle" in inputs:
        return np.repeat(*np.array(inputs["histogram_rle"]).T)
    return np.array(inputs["histogram"])


def kl_threshold(case: Case) -> Answer:
    counts, levels = histogram(case), case["params"]["levels"]
    assert counts.size == case["params"]["bins"]
    edges = np.linspace(0.0, case["inputs"]["absmax"], counts.size + 1)
    slides = search_slides(counts, edges, levels=levels)
    if "kl_by_bin" in case["expected"]:
        return {
            "kl_by_bin": plain(slides.kl),
            "first_bin": int(slides.bins[0]),
            "bin": slides.bin,
            "threshold": slides.threshold,
        }
    caffe, ncnn = search_caffe(counts, edges, levels=levels), search_ncnn(counts, edges, levels=levels)
    least, second = np.sort(slides.kl)[:2]
    return {
        "slides": {
            "bin": slides.bin,
            "kl": float(least),
            "threshold": slides.threshold,
            "second_best_gap": float(second - least),
            "kl_at_2048": float(slides.kl[slides.bins == 2048][0]),
        },
        "caffe_int8_convert_tools": {"bin": caffe.bin, "threshold": caffe.threshold},
        # float32, printed in the cases with nine digits
        "ncnn": {"bin": ncnn.bin, "kl": float(f"{ncnn.kl[ncnn.chosen]:.9g}"), "threshold": ncnn.threshold},
    }


def kl_threshold_symmetric(case: Case) -> Answer:
    counts, inputs, levels = histogram(case), case["inputs"], case["params"]["quantized_bins"]
    assert counts.size == case["params"]["bins"]
    edges = np.linspace(*inputs["range"], counts.size + 1)
    if case["params"].get("definition") == "mxnet_2":
        threshold = search_mxnet(counts, edges, levels=levels).threshold
        return {"threshold": threshold, "observed": threshold}

    def of_mxnet(search: Search) -> Answer:
        return {
            "candidate": search.chosen,
            "threshold": search.threshold,
            "divergence": float(search.kl[search.chosen]),
        }

    ort = search_onnxruntime(counts, edges, levels=levels)
    answer: Answer = {
        "onnxruntime": {
            "low": max(float(ort.low[ort.chosen]), inputs["data_min"]),
            "high": min(float(ort.high[ort.chosen]), inputs["data_max"]),
        }
    }
    if counts.size % 2:
        answer["mxnet_2"] = of_mxnet(search_mxnet(counts, edges, levels=levels))
        answer["mxnet_1.2"] = of_mxnet(search_mxnet(counts, edges, levels=levels, version="1.2"))
    return answer


def kl_divergence(case: Case) -> Answer:
    p, q = np.array(case["inputs"]["p"]), np.array(case["inputs"]["q"])
    nats = relative_entropy(p, q)
    return {"nats": nats, "bits": nats / np.log(2), "reverse_nats": relative_entropy(q, p)}


def smooth_distribution(case: Case) -> Answer:
    smoothed = smooth(np.array(case["inputs"]["p"]), case["params"]["eps"])
    assert smoothed is not None
    return {"smoothed": smoothed[0].tolist(), "amount_removed_per_nonzero": smoothed[1]}


def property(case: Case) -> Answer:
    """MXNet's own test on uniform data, drawn from a seed."""
    assert case["inputs"]["distribution"] == "uniform(-10.532, 11.3432), shape 8x3x23x23"
    distribution = SortedSums.of(np.random.default_rng(0).uniform(-10.532, 11.3432, (8, 3, 23, 23)))
    params = case["params"]
    threshold = entropy_mxnet(distribution, "int8", bins=params["bins"], levels=params["quantized_bins"]).threshold
    return {
        "threshold_equals_absmax": bool(np.isclose(threshold, distribution.absmax, rtol=0.01)),
        "example_absmax": distribution.absmax,
        "example_threshold": threshold,
    }


ANSWERS = {
    function.__name__: function
    for function in (kl_threshold, kl_threshold_symmetric, kl_divergence, smooth_distribution, property)
}
