"""Lessons: what checks the exercises of the notebooks. `wb.lessons.check("03.2", answer)`."""

from workbench.lessons import training
from workbench.lessons.checking import check, exercises, progress
from workbench.lessons.materials import command, digit_pictures, folder, recurrent_digits, strange_digits
from workbench.lessons.over_seeds import over_seeds
from workbench.lessons.pictures.budget import budget
from workbench.lessons.pictures.centroid_rounds import centroid_rounds
from workbench.lessons.pictures.channel_sizes import channel_sizes
from workbench.lessons.pictures.depth import depth
from workbench.lessons.pictures.kl_steps import kl_curve, kl_step
from workbench.lessons.pictures.learning_curves import learning_curves
from workbench.lessons.pictures.output_by_threshold import output_by_threshold
from workbench.lessons.pictures.precision_by_size import precision_by_size
from workbench.lessons.pictures.ranked import ranked
from workbench.lessons.pictures.staircase import staircase
from workbench.lessons.say import say
from workbench.lessons.spoiled import spoiled_pictures
from workbench.lessons.unfolded import before_folding

__all__ = [
    "before_folding",
    "budget",
    "centroid_rounds",
    "channel_sizes",
    "check",
    "command",
    "depth",
    "digit_pictures",
    "exercises",
    "folder",
    "kl_curve",
    "kl_step",
    "learning_curves",
    "output_by_threshold",
    "over_seeds",
    "precision_by_size",
    "progress",
    "ranked",
    "recurrent_digits",
    "say",
    "spoiled_pictures",
    "staircase",
    "strange_digits",
    "training",
]
