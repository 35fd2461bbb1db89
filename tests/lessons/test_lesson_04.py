"""Lesson 04: right answers pass, typical wrong ones get the hint that names the mistake; its pictures are true."""

import math
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest

import workbench as wb
from workbench.lessons import lesson_04
from workbench.lessons.exercise import Wrong
from workbench.lessons.pictures.frame import in_ink
from workbench.numerics.errors.divergence import kl_divergence

JUDGES = {each.name: each.judge for each in lesson_04.EXERCISES}
LAPLACE = wb.SortedSums.of(lesson_04.laplace_values())
LEAST = wb.CLIPPING["least_error"](LAPLACE, "int4").threshold
FULL = LAPLACE.absmax


def int4(threshold):
    return wb.Quantizer.covering("int4", -threshold, threshold)


def two_lists(counts, keep, levels, tail_in_q=False, spread_evenly=False):
    p = counts[:keep].astype(float)
    p[-1] += counts[keep:].sum()
    rows = (p if tail_in_q else counts[:keep]).reshape(levels, -1)
    filled = np.ones_like(rows) if spread_evenly else rows > 0
    q = (filled * (rows.sum(axis=1) / np.maximum(filled.sum(axis=1), 1))[:, None]).ravel()
    return p[p > 0], q[p > 0], q.sum()


def my_kl(counts, keep, levels):
    p, q, total = two_lists(counts, keep, levels)
    return np.sum(p / p.sum() * np.log((p / p.sum()) / (q / total)))


def in_bits(counts, keep, levels):
    return my_kl(counts, keep, levels) / math.log(2)


def tail_in_q(counts, keep, levels):
    p, q, total = two_lists(counts, keep, levels, tail_in_q=True)
    return np.sum(p / p.sum() * np.log((p / p.sum()) / (q / total)))


def without_tail(counts, keep, levels):
    return my_kl(np.append(counts[:keep], 0), keep, levels)


def empty_bins_filled(counts, keep, levels):
    p, q, total = two_lists(counts, keep, levels, spread_evenly=True)
    return np.sum(p / p.sum() * np.log((p / p.sum()) / (q / total)))


def swapped(counts, keep, levels):
    p, q, total = two_lists(counts, keep, levels)
    return np.sum(q / total * np.log((q / total) / (p / p.sum())))


def not_divided(counts, keep, levels):
    p, q, _ = two_lists(counts, keep, levels)
    return np.sum(p * np.log(p / q))


def with_nan(counts, keep, levels):
    return np.float64(0) * np.log(np.float64(0))


RIGHT = [
    ("04.1", int4(LEAST)),
    ("04.1", int4(LEAST * 1.03)),
    ("04.1", SimpleNamespace(quantizer=int4(LEAST * 0.97))),
    ("04.1", float(LEAST)),
    ("04.2", 0.7 * math.log(0.7 / 0.5) + 0.2 * math.log(0.8) + 0.1 * math.log(0.4)),
    ("04.2", np.float32(0.0993)),
    ("04.3", [20, 20, 11.5, 11.5, 0, 6, 4, 4]),
    ("04.3", np.array([20, 20, 11.5, 11.5, 0, 6, 4, 4]) / 77),
    ("04.4", my_kl),
    ("04.5", 200.01),
    ("04.5", [0.99 * (0.99 * 100 + 0.01 * 10000) + 0.01 * 300]),
]
WRONG = [
    ("04.1", int4(FULL), "Nothing is clipped"),
    ("04.1", int4(LEAST * 0.6), "too far left"),
    ("04.1", int4(LEAST * 1.3), "too far right"),
    ("04.1", wb.Quantizer.covering("int8", -4, 4), "Keep the explorer"),
    ("04.1", wb.Quantizer.covering("int4", 0, 4, symmetric=False), "Keep the explorer"),
    ("04.1", None, "number is wanted"),
    ("04.1", -4.0, "positive"),
    ("04.2", 0.0993 / math.log(2), "in bits"),
    ("04.2", 0.5 * math.log(5 / 7) + 0.25 * math.log(1.25) + 0.25 * math.log(2.5), "other side"),
    ("04.2", -0.7 * math.log(0.5) - 0.3 * math.log(0.25), "cross entropy"),
    ("04.2", -0.7 * math.log(0.7) - 0.2 * math.log(0.2) - 0.1 * math.log(0.1), "entropy of P"),
    ("04.2", -0.0993, "never negative"),
    ("04.2", None, "given a value"),
    ("04.3", [40, 40, 23, 23, 6, 6, 8, 8], "sums of the levels"),
    ("04.3", [20, 20, 11.5, 11.5, 3, 3, 4, 4], "stay so"),
    ("04.3", [20, 20, 11.5, 11.5, 0, 6, 8.5, 8.5], "last bin only"),
    ("04.3", [22, 18, 14, 9, 0, 6, 5, 3], "as they were"),
    ("04.3", [20, 20, 11, 11, 0, 6, 4, 4], "level 2"),
    ("04.3", np.zeros(8), "not all zero"),
    ("04.3", [1, 2], "8 numbers"),
    ("04.4", in_bits, "in bits"),
    ("04.4", tail_in_q, "P alone"),
    ("04.4", without_tail, "missing"),
    ("04.4", empty_bins_filled, "only the filled"),
    ("04.4", swapped, "swapped"),
    ("04.4", not_divided, "divide P and Q"),
    ("04.4", with_nan, "NaN"),
    ("04.4", lambda counts, keep, levels: 1 / 0, "division by zero"),
    ("04.4", lambda counts, keep, levels: None, "given a value"),
    ("04.4", lambda counts, keep, levels: 0.5, "not yet"),
    ("04.4", 0.02, "function itself"),
    ("04.5", 10000, "min-max"),
    ("04.5", 10400 / 3, "plain mean"),
    ("04.5", 199, "One sample is left"),
    ("04.5", 0.01 * (0.01 * 100 + 0.99 * 10000) + 0.99 * 300, "swapped"),
    ("04.5", 190, "Close"),
    ("04.6", -1, "positive"),
    ("04.6", None, "given a value"),
]


@pytest.mark.parametrize(("exercise", "answer"), RIGHT)
def test_right_answers(exercise, answer):
    JUDGES[exercise](answer)


@pytest.mark.parametrize(("exercise", "answer", "hint"), WRONG)
def test_typical_wrong_answers(exercise, answer, hint):
    with pytest.raises(Wrong, match=hint):
        JUDGES[exercise](answer)


def test_the_threshold_at_the_output():
    best, db = lesson_04.best_output()
    JUDGES["04.6"](best)
    full = lesson_04.four_bit_start()[lesson_04.TENSOR].high
    eight_bits = wb.CLIPPING["least_error"](wb.SortedSums.of([0.0, full]), "uint8").high
    for wrong, hint in ((full, "min-max"), (0.95 * eight_bits, "Clip more"), (full / 4, "Clip less")):
        with pytest.raises(Wrong, match=hint) as said:
            JUDGES["04.6"](wrong)
        assert f"{db - lesson_04.output_db(wrong):.1f} dB below" in str(said.value)


def test_no_exercise_is_left_out():
    assert [each.name for each in lesson_04.EXERCISES] == [f"04.{i}" for i in range(1, 7)]
    assert {name for name, _ in RIGHT} | {"04.6"} == set(JUDGES)
    wrong = [name for name, _, _ in WRONG] + ["04.6"] * 3
    assert all(wrong.count(name) >= 3 for name in JUDGES)
    assert all(each.question and each.praise for each in lesson_04.EXERCISES)


HISTOGRAM = wb.LinearHistogram(lesson_04.COUNTS, np.arange(17) / 4)


def heights(step, trace, **rest):
    figure = wb.lessons.kl_step(step, HISTOGRAM, **({"keep": 12, "levels": 4} | rest))
    return np.asarray(figure.data[trace].y, np.float64)


def test_steps_of_the_kl_method():
    assert np.array_equal(np.concatenate([heights(1, 0), heights(1, 1)]), lesson_04.COUNTS)
    assert (heights(2, 0) + heights(2, 1))[-3:].tolist() == [2, 0, 3]
    assert heights(3, 0).tolist() == [54, 15, 12, 3]
    assert heights(4, 0).tolist() == [18, 18, 18, 7.5, 0, 7.5, 4, 4, 4, 1.5, 0, 1.5]
    assert heights(3, 0, keep=10).tolist() == [40, 23, 6, 14]  # left-over bins join the last level
    assert heights(5, 0).sum() == pytest.approx(my_kl(lesson_04.COUNTS, 12, 4))
    swept = wb.sweep(HISTOGRAM, "int4", method="entropy_slides", levels=4)
    for keep, kl in zip(swept.search.bins, swept.kl, strict=True):
        assert heights(5, 0, keep=int(keep)).sum() == pytest.approx(kl)


def test_steps_have_words_and_a_scale():
    figure = wb.lessons.kl_step(5, HISTOGRAM, keep=12, levels=4)
    assert any("KL = 0.0242 nats" in note.text for note in figure.layout.annotations)
    wide = wb.LinearHistogram(np.arange(1, 201), np.arange(201))
    assert wb.lessons.kl_step(1, wide, keep=150).layout.yaxis.type == "log"
    assert wb.lessons.kl_step(1, HISTOGRAM, keep=12, levels=4).layout.yaxis.type != "log"
    for step, keep in ((0, 12), (6, 12), (1, 3), (1, 17)):
        with pytest.raises(wb.WorkbenchError, match="expected"):
            wb.lessons.kl_step(step, HISTOGRAM, keep=keep, levels=4)


def test_curves_of_kl():
    slides = wb.sweep(HISTOGRAM, "int4", method="entropy_slides", levels=4)
    tool = wb.sweep(HISTOGRAM, "int4", method="entropy_tensorrt", levels=4, start_bin=4)
    figure = wb.lessons.kl_curve({"slides": slides, "tool": tool, "own": wb.sweep(LAPLACE, "int8")})
    assert figure.data[0].y.tolist() == slides.kl.tolist()
    assert figure.data[1].x == (slides.search.threshold,)
    assert np.isnan(figure.data[2].y).sum() == np.isinf(tool.kl).sum() > 0
    T = figure.data[5].x[0]
    assert figure.data[5].y[0] == pytest.approx(kl_divergence(LAPLACE, wb.Quantizer.covering("int8", -T, T)))
    for wrong in ({}, dict.fromkeys("abcdefg", slides)):
        with pytest.raises(wb.WorkbenchError, match="expected 1 to 6"):
            wb.lessons.kl_curve(wrong)


def test_output_by_threshold():
    figure = wb.lessons.output_by_threshold([1, 2, 4], [3.0, 9.0, 5.0], [1, 2, 3], {"<b>near</b>": 2.0, "far": 2.05})
    assert [line.name for line in figure.data] == ["network's output", "tensor itself"]
    texts = [note.text for note in figure.layout.annotations]
    assert any("9.00 dB with T = 2.000" in text for text in texts)
    assert in_ink("far") in texts and not any("<b>near</b>" in text for text in texts)
    assert len(figure.layout.shapes) == 2
    assert len(wb.lessons.output_by_threshold([1, 2], [3, 9]).data) == 1
    for thresholds, values in (([1, 2], [1]), ([1], [1]), ([[1, 2]], [[1, 2]])):
        with pytest.raises(wb.WorkbenchError, match="one length"):
            wb.lessons.output_by_threshold(thresholds, values)


def test_many_candidates_have_a_logarithmic_axis_that_begins_at_the_choice():
    axis = wb.lessons.kl_curve({"own": wb.sweep(LAPLACE, "int8")}).layout.yaxis
    least = wb.lessons.kl_curve({"own": wb.sweep(LAPLACE, "int8")}).data[1].y[0]
    assert axis.type == "log" and axis.range[0] < math.log10(least) < axis.range[1]
    one_place = wb.LinearHistogram([0, 4, 0], [0, 1, 2, 3])
    few = wb.lessons.kl_curve({"own": wb.sweep(one_place, "int8")})
    assert few.layout.yaxis.type != "log" and few.layout.yaxis.rangemode == "tozero"
    assert few.data[1].text == ("",) and few.data[1].y[0] == 0


def test_the_judges_have_the_lesson_s_own_numbers():
    notebook = nbformat.read(Path(__file__).parents[2] / "notebooks" / "04_thresholds.ipynb", as_version=4)
    lines = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code").splitlines()
    given = {
        line.split(" = ")[0]: line.split(" = ", 1)[1]
        for line in lines
        if line.startswith(("x =", "counts =", "name ="))
    }
    assert np.array_equal(eval(given["x"], {"np": np}), lesson_04.laplace_values())
    assert np.array_equal(eval(given["counts"], {"np": np}), lesson_04.COUNTS)
    assert eval(given["name"]) == lesson_04.TENSOR
