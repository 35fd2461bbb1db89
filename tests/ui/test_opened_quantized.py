"""An already quantized file in the app: its own ranges are the choice, and on the plots."""

from tests.ui.studies import images, small_model
from workbench.ui.study import Study
from workbench.ui.subjects import subject_of
from workbench.workflow.calibrate import calibrate
from workbench.workflow.choose import choose
from workbench.workflow.export.exporting import export
from workbench.workflow.ranges.opening import open_quantized


def test_its_ranges_are_shown(tmp_path):
    before = small_model(tmp_path)
    chosen = choose(before, calibrate(before, images()), activations="uint8")
    export(before, chosen, tmp_path / "quantized.onnx")
    model, recipe, _ = open_quantized(tmp_path / "quantized.onnx")
    study = Study(model, images(), recipe=recipe)
    try:
        study.start()
        assert study.wait(60), study.status
        assert study.recipe == recipe and len(recipe) == len(chosen)
        for name in recipe:
            study.select(name)
            subject = subject_of(model, study.state)
            assert subject.quantizer == chosen[name].quantizer
    finally:
        study.close()
