"""The small network and a study of it; a file that needs others has its own."""

import pytest

from tests.ui.studies import images, small_model
from workbench.ui.app import App
from workbench.ui.study import Study


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return small_model(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def shared(model):
    """An app that has done its work, for all tests of a file, and the recipe that it began with."""
    made = App(model, images(), autosave=None)
    assert made.study.wait(60)
    yield made, made.recipe
    made.close()


@pytest.fixture
def study(model):
    made = Study(model, images())
    made.start()
    assert made.wait(60), made.status
    yield made
    made.close()
