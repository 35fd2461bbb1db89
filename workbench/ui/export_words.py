"""Words of the export dialog: what the workflow says, pointing at the controls that are in sight."""

import math
import re
from typing import Any

from workbench.ui.state import Exported, State
from workbench.ui.words import plain
from workbench.workflow.export.catalogue import TARGETS

OPTIONS = {  # options of targets in words; others are their names with spaces
    "max_loss": "largest loss accepted",
    "min_sqnr_db": "least output SQNR, dB",
    "worst": "worst tensors drawn",
    "date": "date on the page",
    "figure": "colour of the nodes",
    "version": "TensorRT version",
    "operators": "operators in names",
    "network": "network beside it",
    "keep_io_types": "float32 at the ends",
    "keep_float": "kept in float32",
    "overflow": "beyond the range",
}
NAMES = "under “Names there”"
POINTING = (  # words for a script -> words for the dialog; {fit} is the button that fits the recipe
    (r"give kind= to say which it is", "see which files can be opened above"),
    (r"names= can say which they are", "“Names there” can say which they are"),
    (r"with names=", NAMES),
    (r"give names= or", f"give names {NAMES} or"),
    (r"wb\.tied makes (it so|them one)", r"{fit} makes \1"),
    (r"wb\.fitted_to\([^)]*\) gives", "{fit} gives"),
)


def option_label(name: str) -> str:
    """An option of a target in words."""
    return OPTIONS.get(name, name.replace("_", " "))


def fit_label(title: str) -> str:
    """The button that fits the recipe to a device."""
    return f"Fit the recipe to {title}"


def in_dialog(words: str, title: str = "", of_device: bool = False) -> str:
    """A sentence of the workflow with the dialog's controls in place of names in Python.

    title: of the device that the recipe can be fitted to. of_device: whether the device is "it" in the sentence.
    """
    if of_device:
        words = words.replace(": it has no ", f": {title} has no ", 1)
    for pattern, instead in POINTING:
        words = re.sub(pattern, instead, words)
    return words.replace("{fit}", f"“{fit_label(title or 'its device')}”")


def sound_words(state: State, *, expressed: bool) -> str:
    """What was looked at where nothing was found, and what the recipe does to the output as far as it is known.

    expressed: whether the target can hold every choice.
    """
    words = "Scales, names and ranges are sound."
    if expressed:
        words = f"Nothing that the target cannot express; {words[0].lower()}{words[1:]}"
    if state.comparison is None or state.updating:
        return words
    output, error = next(iter(state.comparison.outputs.items()))
    if not math.isfinite(error.sqnr_db):
        return words
    figure = f"SQNR {error.sqnr_db:.2f} dB on {state.comparison.n_samples} samples"
    return f"{words} Output {output!r} of this recipe: {figure}."


def done_of(exported: Exported, state: State) -> dict[str, Any]:
    """The last export as JSON: what it was about, and how it went."""
    report = exported.report
    done: dict[str, Any] = {
        "running": exported.running,
        "refused": in_dialog(exported.refused),
        "path": exported.path,
        "title": TARGETS[exported.target].title,
        "former": exported.recipe is not None and exported.recipe is not state.recipe,
    }
    if report is not None:
        deployed = None if report.deployed is None else report.deployed.sqnr_db
        done |= {
            "files": [str(path) for path in report.files] + ([exported.recipe_path] if exported.recipe_path else []),
            "bit_equal": plain(report.bit_equal),
            "sqnr_db": plain(report.sqnr_db),
            "deployed_db": plain(deployed),
            "notices": [in_dialog(str(notice)) for notice in report.notices],
            "n": exported.n_samples,
        }
    return done
