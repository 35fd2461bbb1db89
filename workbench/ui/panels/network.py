"""`NetworkPanel`: what the choices do to the network's output."""

import math
from dataclasses import asdict, dataclass
from typing import Any

from workbench.ui.panel import Panel, script, styles
from workbench.ui.state import State
from workbench.ui.words import decibels, plain, without_dust
from workbench.workflow.comparison import TOP, Comparison, OutputError

SAME = "share of samples whose largest output is the float network's"
DASH, MINUS, TO = "–", "−", "–"


@dataclass(frozen=True)
class Row:
    """One figure. text, spread (its uncertainty), unit: as shown. value: raw, for `data-value`; metric: its name."""

    name: str
    text: str = DASH
    spread: str = ""
    unit: str = ""
    meaning: str = ""
    value: float | str | None = None
    metric: str | None = None


class NetworkPanel(Panel):
    """Output figures with their uncertainties, on the samples so far; of one output at a time."""

    _esm = script("network.js")
    _css = styles("panels/network.css")
    parts = ("measured", "before", "recipe", "calibrated")

    def __init__(self, study: Any) -> None:
        self._output = ""
        super().__init__(study)

    def look(self, state: State) -> dict[str, Any]:
        comparison = state.comparison
        outputs = [] if comparison is None else list(comparison.outputs)
        name = self._output if self._output in outputs else next(iter(outputs), "")
        rows = self._rows(comparison, name, state.change_of(name))
        return {
            "updating": state.updating,
            "has_data": self.study.evaluation is not None,
            "outputs": outputs,
            "output": name,
            "n": 0 if comparison is None else comparison.n_samples,
            "of": 0 if state.measured is None else state.measured.n_samples,
            "rows": [asdict(row) for row in rows],
        }

    def on_output(self, content: Any) -> None:
        self._output = str(content["output"])
        self.refresh()

    def _rows(self, comparison: Comparison | None, name: str, change: float | None) -> list[Row]:
        """The most telling first. Which rows there are does not change while figures come in."""
        error = None if comparison is None else comparison.outputs[name]
        return [
            _sqnr(error),
            *_agreement(comparison, error),
            Row(
                "by last change",
                _signed(change),
                unit="dB",
                meaning="output SQNR now minus before the last change, on the same samples",
                value=plain(change),
                metric="output_change_db",
            ),
            *_score(comparison, error, self.study.labels is not None),
            *_own_metric(error),
            _divergence(error),
            Row(
                "cosine",
                DASH if error is None else f"{error.cosine:.4f}".replace("-", MINUS),
                meaning="cosine of the angle between the outputs of both networks; 1: same direction",
                value=None if error is None else plain(error.cosine),
                metric="output_cosine",
            ),
            *_top(comparison, error),
        ]


def _sqnr(error: OutputError | None) -> Row:
    meaning = "signal to quantization noise at the output, ± its standard error over samples"
    if error is None:
        return Row("SQNR", unit="dB", meaning=meaning)
    finite, spread = math.isfinite(error.sqnr_db), error.sqnr_error_db
    return Row(
        "SQNR",
        decibels(error.sqnr_db).removesuffix(" dB").replace("-", MINUS),
        "" if spread is None else f"± {spread:.1f}" if spread >= 0.05 else "± <0.1",
        "dB" if finite else "",
        meaning,
        plain(error.sqnr_db),
    )


def _agreement(comparison: Comparison | None, error: OutputError | None) -> list[Row]:
    """How many answers are left: of this output's classes, or as the task counts them."""
    answers = None if comparison is None else comparison.answers
    if answers is None or answers.task == "classes":
        share, interval = (None, None) if error is None else (error.agreement, error.agreement_interval)
        means = "" if answers is None else f"{answers.means} "
        return [Row("same as float", _percent(share), _interval(interval), "%", f"{means}{SAME}; 95 % interval")]
    unchanged = "share of samples of which nothing changed; 95 % interval"
    return [
        Row("agreement", _percent(answers.agreement), "", "%", answers.means, answers.agreement, "task_agreement"),
        Row("unchanged", _percent(answers.unchanged), _interval(answers.unchanged_interval), "%", unchanged),
    ]


def _score(comparison: Comparison | None, error: OutputError | None, has_labels: bool) -> list[Row]:
    """Against labels."""
    answers = None if comparison is None else comparison.answers
    if error is not None and error.accuracy is not None and (answers is None or answers.task == "classes"):
        meaning = f"share of right answers, 95 % interval; the float network's: {_percent(error.float_accuracy)} %"
        name = f"accuracy (float {_percent(error.float_accuracy)})"
        return [Row(name, _percent(error.accuracy), _interval(error.accuracy_interval), "%", meaning)]
    if answers is not None and answers.score is not None and answers.float_score is not None:
        if answers.task == "classes":  # another output answers; in the same words and unit as there
            meaning = "share of right answers, by the output that names the class; not of this output"
            name = f"accuracy (float {_percent(answers.float_score)})"
            return [Row(name, _percent(answers.score), "", "%", meaning, plain(answers.score), "task_score")]
        better = "smaller" if answers.smaller_is_better else "larger"
        return [
            Row(
                answers.score_name,
                _figure(answers.score),
                f"float {answers.float_score:.3g}",
                meaning=f"{answers.score_name} against the labels, the {better} the better",
                value=plain(answers.score),
                metric="task_score",
            )
        ]
    return (
        [Row("accuracy", unit="%", meaning="comes with the first samples")] if comparison is None and has_labels else []
    )


def _own_metric(error: OutputError | None) -> list[Row]:
    if error is None or error.metric is None:
        return []
    first, second = error.metric
    meaning = "your own metric of the chosen network, beside the float network's"
    return [Row("own metric", _figure(second), f"float {first:.3g}", "", meaning, plain(second), "own_metric")]


def _divergence(error: OutputError | None) -> Row:
    kl = None if error is None or error.kl is None else without_dust(error.kl)
    text = DASH if kl is None else "0" if kl == 0 else f"{kl:.4f}"
    if kl is not None and 0 < kl < 1e-3:
        text = f"{kl:.1e}".replace("e-0", f"e{MINUS}").replace("-", MINUS)
    meaning = "mean over samples of KL(float ‖ quantized) of the class probabilities"
    return Row("KL of output", text, "", "nats", meaning, plain(kl), "output_kl")


def _top(comparison: Comparison | None, error: OutputError | None) -> list[Row]:
    answers = None if comparison is None else comparison.answers
    share = error.agreement_top5 if error is not None else None
    if answers is not None and answers.task != "classes":
        share = answers.agreement_top5
    if share is None:
        return []
    meaning = f"share of samples whose answer in float is among the {TOP} largest outputs of the chosen network"
    return [Row(f"in top {TOP}", _percent(share), "", "%", meaning, share, "output_agreement_top5")]


def _percent(share: float | None) -> str:
    return DASH if share is None else f"{100 * share:.1f}"


def _interval(ends: tuple[float, float] | None) -> str:
    return "" if ends is None else f"{_percent(ends[0])}{TO}{_percent(ends[1])}"


def _figure(value: float) -> str:
    return DASH if math.isnan(value) else f"{value:.4g}".replace("-", MINUS)


def _signed(change: float | None) -> str:
    if change is None:
        return DASH
    return "0.0" if abs(change) < 0.05 else f"{'+' if change > 0 else MINUS}{abs(change):.1f}"
