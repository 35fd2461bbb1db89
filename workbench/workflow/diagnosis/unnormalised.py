"""Inputs that are not what the network was trained on: no format repairs that."""

from workbench.models.model import Model
from workbench.workflow.batches import Batches
from workbench.workflow.check_inputs import InputReport, check_inputs
from workbench.workflow.diagnosis.finding import Finding
from workbench.workflow.diagnosis.look import readers_of
from workbench.workflow.input_evidence import shown_input

KIND = "inputs"
PIXELS = 100.0  # values up here look like raw ones, where no BatchNorm tells


def unnormalised(model: Model, batches: Batches, report: InputReport | None = None) -> tuple[Finding, ...]:
    """What `check_inputs` says against the data, as the first finding; nothing where it has no objection.

    report: what it said; None: it is asked now.
    """
    report = report or check_inputs(model, batches)
    if report.ok or (report.spread is None and report.high < PIXELS):
        return ()  # one answer for everything is a doubt; only the first BatchNorm, or raw pixels, are evidence
    name = shown_input(model).name
    layers = readers_of(model, name)
    fields = ("low", "high", "mean", "std", "spread", "shift")
    numbers = {field: getattr(report, field) for field in fields}
    sentence = str(report.sentences[0]).rstrip(".")
    advice = "every figure rests on the inputs, so set them right before anything else"
    return (Finding(KIND, layers[0].name if layers else "", name, sentence, numbers, advice=advice),)
