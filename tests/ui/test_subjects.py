"""What the app gives to its plot: ranges of groups as they were chosen, and whence the error is known."""

import numpy as np
import pytest

from tests.ui.studies import images
from workbench.numerics.formats.catalogue import FORMATS
from workbench.ui.sampled import sampled_error
from workbench.ui.study import Study
from workbench.ui.subjects import subject_of
from workbench.ui.threshold.groups import Groups
from workbench.ui.threshold.payload import payload_of
from workbench.workflow.choice import TensorChoice
from workbench.workflow.plan import plan

WEIGHT, ACTIVATION = "conv2.weight", "relu_out"


def shown(study, name):
    study.select(name)
    assert study.wait(60), study.status
    return payload_of(subject_of(study.model, study.state)).meta


STEPPED = [name for name, format in FORMATS.items() if format.step == "power_of_two" and format.has_scale]


@pytest.mark.parametrize("format", [*STEPPED, "log2_4", "int8"])
def test_the_handle_of_channels_stands_at_the_chosen_share(study, format):
    study.set_format(WEIGHT, format)
    largest = np.abs(study.model.tensors[WEIGHT].array().reshape(6, -1)).max(axis=1)
    study.set_range(WEIGHT, -0.37 * largest, 0.37 * largest)
    meta = shown(study, WEIGHT)
    assert meta["kind"] == "handles" and meta["range"]["high"] == pytest.approx(0.37, rel=1e-6)
    assert (meta["groups"]["least"], meta["groups"]["most"]) == pytest.approx((0.37, 0.37), rel=1e-6)


def test_the_handle_of_affine_channels_stands_at_the_chosen_share(study):
    study.set_format(WEIGHT, "uint8")
    study.set_symmetric(WEIGHT, False)
    array = study.model.tensors[WEIGHT].array()
    low, high = Groups.of(array, study.recipe[WEIGHT].quantizer).range_at(0.37, False, False)
    study.set_range(WEIGHT, low, high)
    assert study.recipe[WEIGHT].symmetric is False
    assert shown(study, WEIGHT)["range"]["high"] == pytest.approx(0.37, rel=1e-6)


def test_where_ends_differ_the_larger_one_is_the_threshold(study):
    largest = np.abs(study.model.tensors[WEIGHT].array().reshape(6, -1)).max(axis=1)
    study.set_format(WEIGHT, "int8_pow2")
    study.set_range(WEIGHT, -0.5 * largest, 0.25 * largest)
    assert shown(study, WEIGHT)["range"]["high"] == pytest.approx(0.5, rel=1e-6)


def test_an_error_of_samples_is_said_to_be_one(study):
    assert shown(study, ACTIVATION)["n_samples"] == 0
    study.set_format(ACTIVATION, "mxint8")
    assert shown(study, ACTIVATION)["n_samples"] == 32
    study.set_format(ACTIVATION, "int8")
    study.set_dynamic(ACTIVATION, "sample")
    assert shown(study, ACTIVATION)["n_samples"] == 32
    study.set_format(WEIGHT, "mxint8")
    assert shown(study, WEIGHT)["n_samples"] == 0


def test_an_error_that_is_not_known_is_not_shown_as_none(model):
    study = Study(model)
    study.start()
    assert not shown(study, "conv1.weight")["untouched"]
    study.set_format("conv1.weight", "fp32")
    assert shown(study, "conv1.weight")["untouched"]
    study.close()
    with_data = Study(model, images())
    with_data.start()
    assert with_data.wait(60)
    with_data.set_format(ACTIVATION, "mxfp4")
    meta = shown(with_data, ACTIVATION)
    assert meta["kind"] == "float" and not meta["untouched"] and meta["error"]["mse"] > 0
    with_data.close()


@pytest.mark.parametrize("format", ["int8", "uint8", "q8"])
@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("dynamic", ["batch", "sample"])
def test_a_dynamic_range_is_the_one_the_network_runs_with(model, format, symmetric, dynamic):
    """Ranges in eighths and one that bytes round in its last bit: the rule of the export, not one beside it."""
    samples = np.random.default_rng(5).normal(0.3, 1.0, (16, 3, 7, 7)).astype(np.float32)
    choice = TensorChoice(ACTIVATION, format, "min_max", -1.0, 1.0, symmetric=symmetric, dynamic=dynamic)
    recipe = Study(model).recipe.with_choice(choice)
    seen = plan(model, recipe).transforms()[ACTIVATION](samples)
    error = sampled_error(samples, choice)
    assert error.mse == pytest.approx(((samples.astype(np.float64) - seen) ** 2).mean(), rel=1e-12)
