"""`DynamicQuantizer`: the range of the values themselves, for uint8 to the last bit that of DynamicQuantizeLinear."""

import numpy as np
import onnxruntime as ort
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from tests.numerics.samples import awkward, data, same_bits, seeded
from workbench.messages import WorkbenchError
from workbench.numerics.dynamic import DynamicQuantizer
from workbench.numerics.errors.measured import measured_error
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.quantizer import Quantizer

SCALED = [name for name, format in FORMATS.items() if format.has_scale]


def dynamic_quantize_linear():
    """ONNX: x -> scale, zero point, dequantized values."""
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "scale", "zero"]),
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["y"]),
    ]
    value = helper.make_tensor_value_info
    outputs = [value("scale", TensorProto.FLOAT, []), value("zero", TensorProto.UINT8, [])]
    outputs.append(value("y", TensorProto.FLOAT, ["N"]))
    graph = helper.make_graph(nodes, "g", [value("x", TensorProto.FLOAT, ["N"])], outputs)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


PROTO = dynamic_quantize_linear()
SESSION = ort.InferenceSession(PROTO.SerializeToString(), providers=["CPUExecutionProvider"])
REFERENCE = ReferenceEvaluator(PROTO)


def arrays(seed: int) -> np.ndarray:
    """Of every kind: awkward ones, on one side of zero, and numbers whose zero point is a tie."""
    rng = np.random.default_rng(seed)
    kinds = (
        lambda: awkward(rng),
        lambda: np.abs(awkward(rng)),
        lambda: -np.abs(awkward(rng)),
        lambda: rng.integers(-40, 41, 20) * rng.choice([0.25, 0.5, 1.0, 3.0]),
        lambda: np.zeros(3),
    )
    return np.asarray(kinds[rng.integers(len(kinds))](), np.float32)


@seeded
@given(st.integers(0, 2**32 - 1))
def test_uint8_of_a_batch_is_dynamic_quantize_linear(seed):
    for offset in range(20):
        x = arrays(seed + offset)
        if 0 < np.ptp(np.append(x, 0).astype(np.float64)) < 3e-36 or not np.isfinite(np.ptp(np.append(x, 0))):
            continue  # its scale would be no normal number
        quantizer = DynamicQuantizer(FORMATS["uint8"], "batch", symmetric=False)
        scale, zero, y = SESSION.run(None, {"x": x})
        fixed = quantizer.at(x)
        assert (fixed.scale, fixed.zero_point) == (scale, zero)
        assert same_bits(quantizer.fake_quantize(x), y)
        if x.any():  # the reference gives zeros another scale
            expected = REFERENCE.run(None, {"x": x})
            assert (fixed.scale, fixed.zero_point) == (expected[0], expected[1])


def test_the_rule_of_covering_is_another_in_its_last_bit():
    """Why uint8 has a rule of its own here."""
    ranges = np.random.default_rng(0).normal(size=(1000, 2)).astype(np.float32)
    dynamic = DynamicQuantizer("uint8", "sample").at(ranges)
    covering = Quantizer.covering("uint8", ranges.min(axis=1), ranges.max(axis=1), axis=0)
    assert 20 < (dynamic.scale != covering.scale).sum() < 400
    assert np.allclose(dynamic.scale, covering.scale, rtol=2e-7, atol=0)


@pytest.mark.parametrize("name", SCALED)
@pytest.mark.parametrize("symmetric", [True, False, None])
def test_every_format_with_a_threshold_covers_the_values(name, symmetric):
    x = np.stack([data(kind, 500) for kind in ("gaussian", "relu", "negative")]).reshape(3, 20, 25)
    whole = DynamicQuantizer(FORMATS[name], "batch", symmetric)
    each = DynamicQuantizer(FORMATS[name], "sample", symmetric)
    if name != "uint8":
        covering = Quantizer.covering(name, float(x.min()), float(x.max()), symmetric=symmetric)
        assert whole.at(x) == covering
    assert same_bits(whole.fake_quantize(x), whole.at(x).fake_quantize(x))
    for i, sample in enumerate(x):
        alone = DynamicQuantizer(FORMATS[name], "batch", symmetric)
        assert same_bits(each.fake_quantize(x)[i], alone.fake_quantize(sample))


def test_values_that_are_not_finite_do_not_count():
    x = np.array([[1.0, np.nan, -2.0], [np.inf, 3.0, -np.inf], [np.nan, np.nan, np.inf]], np.float32)
    each = DynamicQuantizer("int8", "sample", symmetric=True)
    np.testing.assert_array_equal(each.at(x).scale, np.array([2 / 127, 3 / 127, 1], np.float32))
    y = each.fake_quantize(x)
    assert np.isnan(y[0, 1]) and y[1, 0] == y[1, 1] == np.float32(3 / 127) * 127 and y[2, 2] == 127
    assert DynamicQuantizer("uint8", "batch").at(x).high == pytest.approx(3, abs=0.02)


@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (3, 0), (1,)])
@pytest.mark.parametrize("per", ["batch", "sample"])
@pytest.mark.parametrize("format", ["uint8", "int8", "gfpq8"])
def test_any_shape(shape, per, format):
    x = np.full(shape, 2.5, np.float32)
    y = DynamicQuantizer(format, per).fake_quantize(x)
    assert y.shape == shape and y.dtype == np.float32 and np.allclose(y, 2.5, rtol=0.03)


def test_a_zero_band_comes_first():
    x = np.array([-0.05, 0.02, 0.7, 1.0], np.float32)
    quantizer = DynamicQuantizer("uint8", "batch", zero_band=0.1)
    assert quantizer.at(x) == Quantizer(FORMATS["uint8"], np.float32(1) / np.float32(255), 0, zero_band=0.1)
    np.testing.assert_array_equal(quantizer.fake_quantize(x)[:2], 0)
    np.testing.assert_array_equal(quantizer.fake_quantize(x[:2]), 0)


@pytest.mark.parametrize("ends", [(-3e38, 3e38), (0, 3.4e38), (-1e-45, 1e-45), (1e-38, 2e-38)])
@pytest.mark.parametrize("format", ["uint8", "int8"])
def test_scales_stay_normal_and_levels_finite(ends, format):
    x = np.array(ends, np.float32)
    quantizer = DynamicQuantizer(format, "batch").at(x)
    assert np.finfo(np.float32).tiny <= quantizer.scale < np.inf
    assert np.isfinite(quantizer.levels).all()


def test_the_error_of_a_dynamic_range_beside_that_of_a_fixed_one():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(16, 400)).astype(np.float32) * np.exp(rng.normal(size=(16, 1))).astype(np.float32)
    fixed = measured_error(x, Quantizer.covering("int8", float(x.min()), float(x.max())))
    batch = measured_error(x, DynamicQuantizer("int8", "batch"))
    sample = measured_error(x, DynamicQuantizer("int8", "sample"))
    assert batch == fixed
    assert sample.sqnr_db > fixed.sqnr_db + 3
    assert sample.clipping_mse < 0.01 * sample.mse  # the rounded zero point moves the range by up to half a step
    y = DynamicQuantizer("int8", "sample").fake_quantize(x).astype(np.float64)
    assert sample.mse == pytest.approx(((x - y) ** 2).mean(), rel=1e-12)
    with pytest.raises(WorkbenchError, match="no finite value"):
        measured_error(np.zeros((0, 3)), DynamicQuantizer("int8", "sample"))


def test_what_cannot_be_dynamic_is_refused():
    with pytest.raises(WorkbenchError, match="fp16 has no threshold"):
        DynamicQuantizer("fp16", "batch")
    with pytest.raises(WorkbenchError, match="per 'batch' or per 'sample', got 'channel'"):
        DynamicQuantizer("int8", "channel")
    with pytest.raises(WorkbenchError, match="zero band -1"):
        DynamicQuantizer("int8", "batch", zero_band=-1.0)
    with pytest.raises(WorkbenchError, match="unknown format 'int99'"):
        DynamicQuantizer("int99", "batch")
