"""The small network and a study of it; a file that needs others has its own."""

import pytest

from tests.ui.studies import images, small_model
from workbench.ui.study import Study


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return small_model(tmp_path_factory.mktemp("models"))


@pytest.fixture
def study(model):
    made = Study(model, images())
    made.start()
    assert made.wait(60), made.status
    yield made
    made.close()
