"""Lesson 08: right answers pass, typical wrong ones get the hint that names the mistake."""

import numpy as np
import pytest

import workbench as wb
from tests.lessons.cases import exercise_tests
from workbench.lessons import lesson_08

JUDGES = {each.name: each.judge for each in lesson_08.EXERCISES}
MODEL, RECIPE, SYMMETRIC = lesson_08.network(), lesson_08.recipe(), lesson_08.recipe(symmetric=True)
WEIGHT = MODEL.tensors["stem.conv.weight"].array()
SCALES = RECIPE["stem.conv.weight"].quantizer.scale
CODE = RECIPE["stem.conv.weight"].quantizer.encode(WEIGHT)[5, 0, 1, 1]
BIAS = float(MODEL.tensors["head.classifier.bias"].array()[3])
S_X = float(RECIPE["head.flatten_out"].quantizer.scale)
S_W = float(RECIPE["head.classifier.weight"].quantizer.scale[3])
HALF = int(WEIGHT.astype(np.float16).view(np.uint16)[0, 0, 0, 0])
SINGLE = int(WEIGHT.view(np.uint32)[0, 0, 0, 0])
STEP = float(SYMMETRIC[lesson_08.MOUSE_TENSOR].quantizer.scale)
NARROW = wb.Quantizer.covering("int8_narrow", -127 * STEP, 127 * STEP)
FITTED, REMARKS = wb.fitted_to(MODEL, RECIPE, "nvdla")
TIED = wb.tied(MODEL, SYMMETRIC, "nvdla")

RIGHT = [
    ("08.1", float(CODE) * SCALES[5]),
    ("08.1", [float(CODE) * float(SCALES[5])]),
    ("08.2", round(BIAS / (S_X * S_W))),
    ("08.2", np.rint(np.float32(BIAS) / np.float32(S_X * S_W))),
    ("08.3", 4),
    ("08.3", -4),
    ("08.3", 20),
    ("08.4", HALF),
    ("08.4", WEIGHT.astype(np.float16).view(np.uint16)[0, 0, 0, 0]),
    ("08.5", 127 * STEP),
    ("08.5", NARROW),
    ("08.5", wb.Quantizer.covering("int8_narrow", -129 * STEP, 129 * STEP)),
    ("08.6", FITTED),
    ("08.6", TIED),
    ("08.7", 10486),
]
WRONG = [
    ("08.1", CODE, "That is the code"),
    ("08.1", WEIGHT[5, 0, 1, 1], "before it was quantized"),
    ("08.1", float(CODE) * SCALES[0], "another channel"),
    ("08.1", float(CODE) / 127, "scale"),
    ("08.2", BIAS, "How many steps"),
    ("08.2", round(BIAS / S_W), "input has one too"),
    ("08.2", round(BIAS / S_X), "weights of the class"),
    ("08.2", -round(BIAS / (S_X * S_W)), "sign"),
    ("08.2", BIAS / (S_X * S_W), "not rounded"),
    ("08.2", 127, "Divide the bias"),
    ("08.3", 5, "no half"),
    ("08.3", 12, "same way"),
    ("08.3", -12, "same way"),
    ("08.3", 0.5, "whole number"),
    ("08.4", SINGLE >> 16, "bfloat16"),
    ("08.4", SINGLE, "32 bits"),
    ("08.4", HALF - 1, "last bit"),
    ("08.4", HALF | 0x8000, "sign"),
    ("08.4", (HALF & 255) << 8 | HALF >> 8, "wrong way round"),
    ("08.4", WEIGHT[0, 0, 0, 0], "whole number"),
    ("08.4", 1, "Not these bits"),
    ("08.4", hex(HALF), "Without quotes"),
    ("08.5", lesson_08._largest(), "still at the largest"),
    ("08.5", STEP, "That is the scale"),
    ("08.5", 127 * 127 * STEP, "127 times too often"),
    ("08.5", 140 * STEP, "left"),
    ("08.5", wb.Quantizer.covering("int8_narrow", -100 * STEP, 100 * STEP), "right"),
    ("08.6", RECIPE, "no zero points"),
    ("08.6", (FITTED, REMARKS), "recipe alone"),
    ("08.6", SYMMETRIC, "Nearly"),
    ("08.6", TIED.without("image"), "left float"),
    ("08.6", "nvdla", "A recipe is wanted"),
    ("08.7", 10485.76, "round it"),
    ("08.7", 10485, "Cut off"),
    ("08.7", 0.0025 * 2**31, "does not fit"),
    ("08.7", 2621, "belongs to a shift of 20"),
    ("08.7", 400, "1 / M"),
    ("08.7", 10000, "as near to M"),
]


test_right_answers, test_wrong_answers_are_told_why, test_every_exercise_is_tried = exercise_tests(JUDGES, RIGHT, WRONG)


def test_what_the_exercises_ask_for_is_in_the_files(tmp_path):
    wb.export(MODEL, RECIPE, tmp_path / "digits.onnx")
    parts = {part.name: part for part in wb.load(tmp_path / "digits.onnx").proto().graph.initializer}
    codes = np.frombuffer(parts["stem.conv.weight_quantized"].raw_data, np.int8).reshape(WEIGHT.shape)
    biases = np.frombuffer(parts["head.classifier.bias_quantized"].raw_data, np.int32)
    assert codes[5, 0, 1, 1] == CODE and biases[3] == round(BIAS / (S_X * S_W))

    wb.export(MODEL, SYMMETRIC, tmp_path / "digits.cache", target="tensorrt_cache")
    lines = (tmp_path / "digits.cache").read_text().splitlines()
    word = next(line for line in lines if line.startswith(lesson_08.MOUSE_TENSOR)).split(": ")[1]
    assert 127 * np.frombuffer(bytes.fromhex(word), ">f4")[0] == pytest.approx(lesson_08.written_threshold(), rel=1e-6)
