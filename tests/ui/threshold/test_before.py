"""What is drawn in grey: the range before the last change, on the axis of the present picture."""

import numpy as np
import pytest

from tests.ui.threshold.tensors import channels, tensors
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.sorted_sums import SortedSums
from workbench.ui.showing import Showing
from workbench.ui.threshold.before import before_facts
from workbench.ui.threshold.groups import Groups
from workbench.ui.threshold.subject import Subject

VALUES = SortedSums.of(tensors(20_000)["laplace"])


def at(share, format="int8", symmetric=True):
    high = share * VALUES.absmax
    quantizer = Quantizer.covering(format, -high, high, symmetric=symmetric)
    return Subject("t", "c", VALUES, None, quantizer, symmetric, low=-high, high=high)


@pytest.mark.parametrize("format", ["int8", "int4", "fp8_e4m3"])
def test_the_cells_hold_what_each_level_stood_for(format):
    before = at(0.5, format)
    facts = before_facts(before, at(0.3), VALUES)
    assert (facts["low"], facts["high"]) == (-0.5 * VALUES.absmax, 0.5 * VALUES.absmax)
    cells, levels = facts["cells"], before.quantizer.levels
    rounded = before.quantizer.fake_quantize(VALUES.values)
    assert cells["counts"] == [np.count_nonzero(rounded == level) for level in levels]
    assert len(cells["edges"]) == levels.size + 1 and cells["edges"] == sorted(cells["edges"])
    assert levels[cells["zero"]] == 0
    assert cells["below"] == np.count_nonzero(VALUES.values < levels[0])
    assert cells["above"] == np.count_nonzero(VALUES.values > levels[-1])


def test_of_levels_too_fine_for_a_line_the_thresholds_are_told():
    facts = before_facts(at(0.5, "int16"), at(0.3), VALUES)
    assert facts["cells"] is None and facts["high"] == 0.5 * VALUES.absmax


def test_a_choice_without_a_threshold_leaves_nothing_to_draw():
    assert before_facts(Subject("t", "c", VALUES), at(0.3), VALUES) == {}


def test_channels_are_told_in_units_of_their_maxima():
    array = channels()
    largest = np.abs(array).max(axis=1)

    def kept(share, axis=0):
        high = share * (largest if axis == 0 else largest.max())
        quantizer = Quantizer.covering("int8", -high, high, symmetric=True, axis=axis)
        return Subject("t", "c", None if axis == 0 else SortedSums.of(array), array, quantizer)

    now = kept(0.5)
    source = Groups.of(array, now.quantizer)
    facts = before_facts(kept(0.75), now, source)
    assert (facts["low"], facts["high"]) == pytest.approx((-0.75, 0.75), rel=1e-6)
    assert sum(facts["cells"]["counts"]) == pytest.approx(array.size)
    assert facts["cells"]["above"] == pytest.approx((array > 0.75 * largest[:, None]).sum(), abs=2)
    assert before_facts(kept(0.75, axis=None), now, source) == {}  # stands on another axis


def test_the_app_tells_it_while_the_choice_differs(study):
    study.select("relu_out")
    assert study.wait(60), study.status
    showing = Showing(study)
    study.observe(lambda change: showing.draw(change["new"]), "moment")
    assert showing.plot.before == {}
    former = study.recipe["relu_out"]
    study.set_range("relu_out", 0.0, 0.6 * former.high)
    assert study.wait(60)
    assert showing.plot.before["high"] == pytest.approx(former.high)
    study.set_format("conv2.weight", "int4")  # the last change is another tensor's
    assert study.wait(60) and showing.plot.before == {}
    study.undo()
    assert study.wait(60) and showing.plot.before["high"] == pytest.approx(former.high)
    study.undo()
    assert study.wait(60) and showing.plot.before == {}
