"""Calibration of a network of ResNet-50's size beside plain inference and onnxruntime's own calibrators.

Every contender lives in a process of its own and has one thread; they take turns.
"""

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.benchmarks.networks import save_small
from tests.benchmarks.speed.child import Child
from tests.benchmarks.speed.measuring import Contender, Sample, interleaved, peaks, seconds


@pytest.fixture
def n(pytestconfig: pytest.Config) -> int:
    return pytestconfig.getoption("--bench-images")


def measured(contenders: dict[str, Child], rounds: dict[str, int]) -> dict[str, list[Sample]]:
    with ExitStack() as stack:
        ready: dict[str, Contender] = {name: stack.enter_context(child) for name, child in contenders.items()}
        return interleaved(ready, rounds)


def test_beside_inference(resnet50, n, results):
    contenders = {
        "ours": Child("calibrate", model=resnet50, n=n),
        "inference": Child("inference", model=resnet50, n=n, default_options=False),
        "default": Child("inference", model=resnet50, n=n, default_options=True),
    }
    samples = measured(contenders, dict.fromkeys(contenders, 5))
    facts = samples["ours"][0].facts
    each = facts["n_values"] / n / 1e6
    inputs = f"{n} images, {facts['n_tensors']} tensors of {each:.1f} M values an image; one thread, sessions open"
    for key, peer in (("calibrate", "inference"), ("calibrate_default", "default")):
        results.compare(key, seconds(samples["ours"]), seconds(samples[peer]), inputs=inputs)


def test_beside_calibrators(resnet50, n, results):
    options = {"num_bins": 2048, "num_quantized_bins": 128}
    contenders = {
        "ours": Child("load_and_calibrate", model=resnet50, n=n),
        "percentile": Child("calibrator", model=resnet50, n=n, method="Percentile", options={}),
        "entropy": Child("calibrator", model=resnet50, n=n, method="Entropy", options=options),
    }
    samples = measured(contenders, {"ours": 4, "percentile": 3, "entropy": 2})
    ours = samples["ours"]
    for peer in ("percentile", "entropy"):
        theirs = samples[peer]
        inputs = f"{n} images, from the file; {ours[0].facts['n_tensors']} and {theirs[0].facts['n_tensors']} tensors"
        parts = {"ours_parts": ours[0].facts["parts"], "peer_parts": theirs[0].facts["parts"]}
        results.compare(f"calibrate_{peer}", seconds(ours), seconds(theirs), inputs=inputs, **parts)
        above = "resident memory above that before (imports and images)"
        results.compare(f"memory_{peer}", peaks(ours), peaks(theirs), inputs=f"{inputs}; {above}")


def test_end_to_end(resnet50, n, results):
    contenders = {
        "ours": Child("everything", model=resnet50, n=n),
        "static": Child("quantize_static", model=resnet50, n=n),
    }
    samples = measured(contenders, dict.fromkeys(contenders, 3))
    facts = samples["ours"][0].facts
    inputs = f"{n} images; KL at all thresholds of {facts['n_curves']} tensors, sums of {facts['n_weights']} weights"
    ours, static = seconds(samples["ours"]), seconds(samples["static"])
    results.compare("end_to_end", ours, static, inputs=f"{inputs}; theirs: 128 bins", ours_parts=facts["parts"])


def test_memory_does_not_grow_with_the_samples(tmp_path: Path, results):
    """One sample at a time: the C library's allocator alone takes up to seven times a batch's largest tensor more after
    some batches than after the first."""
    model, found = save_small(tmp_path / "small.onnx"), {10: [], 1000: [], 10_000: []}
    for n_samples, rounds in ((10, 5), (1000, 5), (10_000, 1)):
        for _ in range(rounds):
            with Child("stream", model=model, n=n_samples, batch=1) as child:
                found[n_samples].append(child())
            assert found[n_samples][-1].facts["n_samples"] == n_samples
    few, many, most = (peaks(samples) for samples in found.values())
    before = {n_samples: samples[0].facts["resident_before"] for n_samples, samples in found.items()}
    inputs = "three convolutions on 64 x 64, samples made as needed, one at a time; resident memory above that before"
    results.compare("memory_samples", many, few, inputs=inputs, resident_before=before, at_10000=most.record())
