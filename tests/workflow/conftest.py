"""The small network and its calibration, made once."""

import pytest

from tests.workflow.small_models import images, small_cnn
from workbench.workflow.calibrate import calibrate
from workbench.workflow.choose import choose
from workbench.workflow.opening import load


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """Model with a dynamic batch."""
    return load(small_cnn(tmp_path_factory.mktemp("small")))


@pytest.fixture(scope="session")
def small_calibration(small):
    return calibrate(small, images(64))


@pytest.fixture(scope="session")
def coarse(small, small_calibration):
    """A recipe that changes answers."""
    return choose(small, small_calibration, weights="int4", activations="int2", clipping="min_max")
