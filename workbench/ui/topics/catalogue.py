"""All topics; a new one is a file and a line here."""

from workbench.ui.topics.calibration_quality import CalibrationQuality
from workbench.ui.topics.causes import Causes
from workbench.ui.topics.channels import Channels
from workbench.ui.topics.evaluation_distributions import EvaluationDistributions
from workbench.ui.topics.health import HealthOf
from workbench.ui.topics.mixes import Mixes
from workbench.ui.topics.one_sample import OneSample
from workbench.ui.topics.output_curve import OutputCurves
from workbench.ui.topics.pictures import Pictures
from workbench.ui.topics.sample_lines import SampleLines
from workbench.ui.topics.samples import Samples
from workbench.ui.topics.sensitivity import Sensitivity
from workbench.ui.topics.sensitivity_estimates import SensitivityEstimates
from workbench.ui.topics.side_by_side import SideBySide
from workbench.ui.topics.topic import Means, Topic
from workbench.ui.topics.versions import Versions


def topics_of(means: Means) -> tuple[Topic, ...]:
    """The topics of a study."""
    kinds: tuple[type[Topic], ...] = (
        Versions,
        Pictures,
        Samples,
        OneSample,
        EvaluationDistributions,
        CalibrationQuality,
        Causes,
        SensitivityEstimates,
        Sensitivity,
        Mixes,
        OutputCurves,
        Channels,
        SideBySide,
        SampleLines,
        HealthOf,
    )
    return tuple(kind(means) for kind in kinds)
