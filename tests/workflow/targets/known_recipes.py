"""A real network with a recipe for all that its layers read, made once."""

import functools

from tests.real_networks import inputs, model_path
from workbench.workflow.calibrate import calibrate
from workbench.workflow.choose import choose
from workbench.workflow.opening import load


@functools.cache
def resnet20():
    """(model, calibration) of cifar10_resnet20."""
    model = load(model_path("cifar10_resnet20"))
    return model, calibrate(model, inputs("cifar10_resnet20", "calib")[0][:16])


@functools.cache
def resnet20_recipe(residual_adds: bool = False, symmetric: bool = False):
    """int8 weights per channel, int8 activations."""
    model, calibration = resnet20()
    return choose(model, calibration, clipping="min_max", residual_adds=residual_adds, symmetric=symmetric)
