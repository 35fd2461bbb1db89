"""Lesson 07, the whole network: noise that adds up, bytes against SQNR, two broken networks, the calibration data."""

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from workbench.demo import data, model
from workbench.lessons.exercise import Exercise, Wrong
from workbench.lessons.judging import close, not_this, number, text, whole
from workbench.lessons.spoiled import N_PICTURES, spoiled_pictures, spoiled_place
from workbench.models.model import Model
from workbench.workflow.calibrate import calibrate
from workbench.workflow.choose import choose
from workbench.workflow.ranking import Ranking
from workbench.workflow.recipe import Recipe
from workbench.workflow.samples import changed_samples
from workbench.workflow.sensitivity import sensitivity
from workbench.workflow.simulate import simulate

N_CALIBRATION, N_EVALUATION, N_RANKED = 64, 200, 64
DEVICE = ("int4", "int8", "int16")  # formats of weights that the exercise allows
BUDGET, WANTED_DB = 9000, 20.0  # bytes of weights, dB
REPAIRED_DB = 15.0  # of the hard twin, which has -1 dB with one scale a tensor
PREPARATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "few": lambda pictures: pictures[:4],
    "dark": lambda pictures: pictures * np.float32(0.5),
    "inverted": lambda pictures: 1 - pictures,
}


@cache
def network(hard: bool = False) -> Model:
    return model(hard)


@cache
def usual(weights: str = "int8", activations: str | None = "int8") -> Recipe:
    """The default recipe of the built-in network, calibrated on the notebook's pictures."""
    calibration = calibrate(network(), data()[0][:N_CALIBRATION])
    return choose(network(), calibration, weights=weights, activations=activations)


def output_db(recipe: Recipe, hard: bool = False, n_samples: int = N_EVALUATION) -> float:
    """SQNR of the logits, dB, on the notebook's pictures."""
    return simulate(network(hard), recipe, data()[1][:n_samples]).outputs["logits"].sqnr_db


@cache
def ranking() -> Ranking:
    return sensitivity(network(), usual(), data()[1][:N_RANKED])


def added_up_db() -> float:
    """Output SQNR, dB, if the noise of every tensor alone simply adds up."""
    return -10 * math.log10(sum(10 ** (-row.sqnr_db / 10) for row in ranking()))


def weight_bytes(recipe: Recipe) -> float:
    """Bytes of the codes of all weights; those that the recipe leaves out take 4 a value. Scales are not counted."""
    return sum(_bits(recipe, name) * network().tensors[name].array().size for name in usual("int4", None)) / 8


def _bits(recipe: Recipe, name: str) -> int:
    return recipe[name].quantizer.format.bits if name in recipe else 32


def lost_answers() -> int:
    """Answers that were right in float32 and are wrong with 4 bits for weights and activations; all 450 pictures."""
    return sum(change["float_right"] and not change["chosen_right"] for change in _changed())


@cache
def _changed() -> tuple[dict[str, Any], ...]:
    _, pictures, labels = data()
    return tuple(changed_samples(network(), usual("int4", "int4"), pictures, labels=labels).table())


def prepared_db(name: str) -> float:
    """Output SQNR, dB, after calibration with pictures that were prepared in one of these ways."""
    pictures = PREPARATIONS[name](data()[0][:N_CALIBRATION])
    return output_db(choose(network(), calibrate(network(), pictures)))


def spoiled_db() -> float:
    return output_db(choose(network(), calibrate(network(), spoiled_pictures())))


def _recipe(answer: Any, hard: bool = False) -> Recipe:
    if not isinstance(answer, Recipe):
        raise Wrong(f"A recipe is wanted, this is {'None' if answer is None else f'a {type(answer).__name__}'}.")
    if answer.model_sha256 != network(hard).sha256:
        raise Wrong(f"That is a recipe for {answer.model_name}; this is about {network(hard).name}.")
    return answer


def _sum(answer: Any) -> None:
    value, right = number(answer), added_up_db()
    rows = ranking()
    measured = output_db(usual(), n_samples=N_RANKED)
    not_this(value, measured, "That is what was measured; here it is to be predicted from the ranking.", rel=0.005)
    not_this(value, rows[0].sqnr_db, "That is the worst tensor alone; the others add noise to it.", rel=0.005)
    mean = sum(row.sqnr_db for row in rows) / len(rows)
    not_this(value, mean, "Decibels cannot be averaged: turn them into shares of noise first.", rel=0.01)
    not_this(value, mean * len(rows), "Decibels cannot be added: turn them into shares of noise first.", rel=0.01)
    not_this(value, -right, "The size is right, the sign is that of noise over signal.", rel=0.005)
    not_this(value, 2 * right, "Noise is added as power: 10 log10, not 20.", rel=0.005)
    words = "10 ** (-SQNR / 10) is the noise as a share of the signal; add those of all rows, then back to dB."
    close(value, right, rel=0.005, near=words, far=words)


def _budget(answer: Any) -> None:
    recipe = _recipe(answer)
    foreign = sorted({recipe[name].format for name in usual("int4", None) if name in recipe} - set(DEVICE))
    if foreign:
        raise Wrong(f"The device knows {', '.join(DEVICE)} for weights, not {', '.join(foreign)}.")
    size = weight_bytes(recipe)
    if size > BUDGET:
        raise Wrong(f"{size:,.0f} bytes of weights; the budget is {BUDGET:,}. (A weight left float32 takes 4 a value.)")
    reached = output_db(recipe)
    if reached >= WANTED_DB:
        return
    said = f"{size:,.0f} bytes, {reached:.1f} dB; {WANTED_DB:g} are wanted."
    if any(name in recipe and recipe[name].format == "int16" for name in usual("int4", None)):
        raise Wrong(f"{said} For the same bytes, how many more tensors could have 8 bits instead of a few 16?")
    raise Wrong(f"{said} The budget has room for more tensors: which come first in the ranking?")


def _repaired(answer: Any) -> None:
    recipe = _recipe(answer, hard=True)
    whole_tensors = choose(network(True), calibrate(network(True), data()[0][:N_CALIBRATION]), per_channel=False)
    if missing := [name for name in whole_tensors if name not in recipe]:
        raise Wrong(f"Some tensors were left float, such as {missing[0]}: that repairs everything and costs too much.")
    reached = output_db(recipe, hard=True)
    if reached >= REPAIRED_DB:
        return
    said = f"The output has {reached:.1f} dB, {REPAIRED_DB:g} are wanted."
    if reached <= output_db(whole_tensors, hard=True) + 0.1:
        raise Wrong(f"{said} It is as broken as before: open the page Causes and apply the first advice.")
    if reached < REPAIRED_DB / 2:
        raise Wrong(f"{said} One repair is in; what hid behind it comes first now. Go on.")
    raise Wrong(f"{said} Nearly: look at the causes once more.")


def _lost(answer: Any) -> None:
    value, right = whole(answer), lost_answers()
    won = sum(change["chosen_right"] and not change["float_right"] for change in _changed())
    if value == right:
        return
    not_this(value, len(_changed()), "Those are all answers that changed; some were wrong before.")
    not_this(value, right - won, "That is the difference in accuracy: answers won are taken off there.")
    not_this(value, won, "Those are the answers that were won.")
    raise Wrong("Count the rows with float_right true and chosen_right false.")


def _spoiled(answer: Any) -> None:
    if isinstance(answer, Recipe):
        raise Wrong("The number of the picture first; the recipe comes after it.")
    value = whole(answer)
    if value == spoiled_place():
        return
    not_this(value, spoiled_place() + 1, "Nearly: samples are counted from 0.")
    not_this(value, N_PICTURES, "That is how many pictures there are.")
    if not 0 <= value < N_PICTURES:
        raise Wrong(f"The pictures have the numbers 0 to {N_PICTURES - 1}.")
    raise Wrong("That one is as good as the others; which sample do the findings name?")


def _preparation(answer: Any) -> None:
    word = text(answer, tuple(PREPARATIONS))
    reached = {name: prepared_db(name) for name in PREPARATIONS}
    worst = min(reached, key=lambda name: reached[name])
    if word == worst:
        return
    reasons = {
        "few": "A few pictures miss the largest values, but not by much.",
        "inverted": "It looks most unlike the others, but still covers most of the range that the network needs.",
        "dark": "The values look alike, though the range is short.",
    }
    raise Wrong(f"{reasons[word]} Calibrate with it, then simulate: another one costs more.")


EXERCISES = (
    Exercise(
        "07.1",
        "Predict the output's SQNR from the ranking.",
        _sum,
        "Errors of different tensors are nearly independent, so their powers add up.",
    ),
    Exercise(
        "07.2",
        "Find a recipe within a budget of bytes.",
        _budget,
        "A ranking, a budget and a loop: that is mixed precision.",
    ),
    Exercise(
        "07.3",
        "Repair the broken network in the app.",
        _repaired,
        "One cause hid the other; measuring after each repair brought it out.",
    ),
    Exercise(
        "07.4",
        "How many right answers were lost?",
        _lost,
        "Accuracy shows the difference only, answers lost minus answers won.",
    ),
    Exercise(
        "07.5",
        "Which calibration picture is damaged?",
        _spoiled,
        "One picture set the ranges of nearly all tensors.",
    ),
    Exercise(
        "07.6",
        "Which preparation of the calibration data costs most?",
        _preparation,
        "A range that is too short for every picture is worse than pictures that look odd.",
    ),
)
