"""Equalization of networks with extreme numbers: what it writes can be held by float32, and it says what cannot."""

import numpy as np
import onnx
import pytest

from tests.workflow.repairs.chains import Chain, inverted_residual
from workbench.messages import WorkbenchError
from workbench.workflow.opening import load
from workbench.workflow.repairs.balancing import LARGEST_BIAS, LARGEST_FACTOR, SMALLEST_BIAS, balanced
from workbench.workflow.repairs.equalize import equalize
from workbench.workflow.repairs.pairs import find_pairs
from workbench.workflow.repairs.proving import rounded


def array_of(model):
    return lambda name: model.tensors[name].array()


def pointwise(first, bias, second):
    """A chain of two layers with one tap each; first, second: (outputs, inputs), bias: (outputs of the first,)."""
    first, second = (np.asarray(each, np.float32) for each in (first, second))
    chain = Chain(0, first.shape[1]).layer("Conv", len(first), taps=1).node("Relu")
    chain.layer("Conv", len(second), taps=1, bias=False)
    chain.constants |= {"conv0.weight": first[..., None, None], "conv2.weight": second[..., None, None]}
    chain.constants["conv0.bias"] = np.asarray(bias, np.float32)
    return chain


@pytest.mark.parametrize("power_of_two", [False, True])
def test_a_large_bias_stays_finite_without_data(tmp_path, power_of_two):
    """Ranges alone ask for a factor near 1e-20, and 1e20 over that is infinite."""
    random = np.random.default_rng(0)
    weights = random.standard_normal((2, 6, 6))
    chain = pointwise(weights[0] * 1e-25, np.full(6, 1e20), weights[1] * 1e15)
    model = load(chain.saved(tmp_path))
    result = equalize(model, tmp_path / "equal.onnx", power_of_two=power_of_two)
    assert result.pairs[0].largest_factor > 1e9
    before, after = (each.chain.run({"x": chain.images()})[chain.last] for each in (model, result.model))
    assert np.isfinite(before).all() and np.isfinite(after).all()
    assert np.abs(after - before).max() <= (0 if power_of_two else 1e-5 * np.abs(before).max())
    assert np.abs(result.model.tensors["conv0.bias"].array()).max() <= LARGEST_BIAS * 2


@pytest.mark.parametrize("seed", range(20))
def test_weights_of_any_size_give_bounded_factors_and_no_warning(tmp_path, seed):
    """Layers of 1e-36 to 1e36 one behind the other: factors that multiplied up would leave even float64."""
    chain, random = inverted_residual(seed).node("Relu"), np.random.default_rng(seed)
    for _ in range(3):
        chain.layer("Conv", 5).node("Relu")
    for name in chain.constants:
        if name.endswith("weight"):
            chain.constants[name] = (chain.constants[name] * 10.0 ** random.uniform(-36, 34)).astype(np.float32)
    model = load(chain.saved(tmp_path))
    factors = balanced(find_pairs(model)[0], array_of(model), power_of_two=False)
    assert len(factors) == 5
    assert all((f <= LARGEST_FACTOR * 1.001).all() and (f >= 0.999 / LARGEST_FACTOR).all() for f in factors.values())
    written = equalize(model, tmp_path / "equal.onnx").model
    for name, values in chain.constants.items():
        now = written.tensors[name].array()
        assert np.isfinite(now).all() and np.array_equal(now.any(axis=0), values.any(axis=0))


@pytest.mark.parametrize("bias", [1e-35, 1e-42])
def test_a_small_bias_is_not_made_smaller_than_normal_numbers(tmp_path, bias):
    chain = pointwise([[1e20], [4e20]], [bias, 0], [[1, 1]])
    result = equalize(load(chain.saved(tmp_path)), tmp_path / "equal.onnx")
    now = result.model.tensors["conv0.bias"].array()
    assert now[0] >= min(bias, SMALLEST_BIAS) * 0.999 and now[1] == 0
    assert result.pairs[0].largest_factor > 1e10  # the other channel is equalized


def test_values_that_become_0_are_counted(tmp_path):
    chain = pointwise([[1, 1e-44], [1, 1]], [1, 1], [[1e-4, 1]])
    result = equalize(load(chain.saved(tmp_path)), tmp_path / "equal.onnx", data=chain.images())
    assert [str(notice) for notice in result.notices] == [
        "Values of conv0.weight that are 0 now, too small for float32 beside its others: 1."
    ]


def test_a_layer_below_normal_numbers_is_refused_by_name(tmp_path):
    chain = pointwise([[1e-42, 3e-43], [5e-43, 2e-42]], [0, 0], [[7e-43, 2e-43]])
    with pytest.raises(
        WorkbenchError, match="conv0.weight of conv0 would have values up to .*nothing was written; use"
    ):
        equalize(load(chain.saved(tmp_path)), tmp_path / "equal.onnx")
    assert not (tmp_path / "equal.onnx").exists()


def test_a_constant_is_rounded_or_refused():
    kept = rounded(np.array([1e-50, -1.1, 3e38]), "w of l")
    assert kept.dtype == np.float32 and kept.tolist() == [0, float(np.float32(-1.1)), float(np.float32(3e38))]
    assert rounded(np.zeros(2), "w of l").tolist() == [0, 0]
    for bad in ([1.0, 1e39], [1e-50], [1.0, np.nan]):
        with pytest.raises(WorkbenchError, match="w of l would have values"):
            rounded(np.array(bad), "w of l")


def test_a_bias_that_is_no_number_is_left_out(tmp_path):
    chain = pointwise([[1.0], [2.0]], [1, np.inf], [[1, 1]])
    pairs, left_out = find_pairs(load(chain.saved(tmp_path)))
    assert not pairs and left_out[0].reason == "its bias has values that are no numbers"


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_data_that_prove_nothing_are_refused(tmp_path, value):
    """Infinities times weights of both signs are NaN."""
    chain = inverted_residual()
    with pytest.raises(WorkbenchError, match="NaN or infinities alone on the data, which prove nothing"):
        equalize(load(chain.saved(tmp_path)), tmp_path / "net.onnx", data=np.full_like(chain.images(), value))
    assert not (tmp_path / "net.onnx").exists()


def test_some_nan_among_the_data_is_no_fault(tmp_path):
    chain = inverted_residual()
    images = chain.images()
    images[0] = np.nan
    assert equalize(load(chain.saved(tmp_path)), tmp_path / "net.onnx", data=images).outputs.sqnr_db > 100


def test_one_pair_is_spoken_of_as_one(tmp_path):
    model = load(pointwise([[1.0], [2.0]], [1, 1], [[1, 1]]).saved(tmp_path))
    assert "\n1 pair of layers is equalized; the largest factor" in str(equalize(model, tmp_path / "equal.onnx"))


def test_a_weight_that_was_a_graph_input_is_said_to_be_none(tmp_path):
    path = pointwise([[1.0], [2.0]], [1, 1], [[1, 1]]).saved(tmp_path)
    proto = onnx.load(path)
    proto.graph.input.append(onnx.helper.make_tensor_value_info("conv0.weight", 1, [2, 1, 1, 1]))
    onnx.save(proto, path)
    result = equalize(load(path), tmp_path / "equal.onnx")
    assert [port.name for port in onnx.load(tmp_path / "equal.onnx").graph.input] == ["x"]
    (notice,) = result.notices
    assert notice.topic == "input" and "'conv0.weight'" in str(notice)
    assert str(notice).endswith("treated as constants, and the new file has them as constants alone.")
