"""`summary`: the first part of the report, in tiles and sentences."""

import math
from collections import Counter
from html import escape

from workbench.workflow.acceptance import Acceptance
from workbench.workflow.comparison import Comparison
from workbench.workflow.export.html_report_facts import Facts
from workbench.workflow.export.html_report_pictures import number


def summary(facts: Facts) -> str:
    """Sizes, formats, what the output has become, against what, on how many samples, and whether that is enough."""
    tiles = [_size(facts), *_figures(facts.comparison)]
    verdicts = "".join(map(_verdict, facts.acceptance))
    return f'<dl class="tiles">{"".join(tiles)}</dl>{verdicts}{_sentences(facts)}'


def _verdict(acceptance: Acceptance) -> str:
    words = escape(acceptance.words) + _around(acceptance.interval)
    kind = acceptance.verdict.split()[0]
    return f'<p class="verdict {kind}"><b>Acceptance {acceptance.verdict}</b>: {words}.</p>'


def _around(interval: tuple[float, float] | None) -> str:
    if interval is None:
        return ""
    if max(map(abs, interval)) <= 1:
        return f" (95 % interval {_percent(interval[0])} to {_percent(interval[1])} %)"
    return f" (95 % interval {number(interval[0])} to {number(interval[1])} dB)"


def _percent(share: float) -> str:
    return f"{100 * share:.2f}".replace("-", "−")


def _tile(name: str, value: str, more: str = "") -> str:
    return f"<div><dt>{escape(name)}</dt><dd>{escape(value)}<small>{escape(more)}</small></dd></div>"


def _size(facts: Facts) -> str:
    before, after = facts.sizes
    ratio = f"{before / after:.2f} times smaller" if 0 < after < before else "no smaller"
    return _tile("Weights and biases", _sizes(before, after), f"{ratio}; float32 → chosen, scales included")


def _sizes(before: int, after: int) -> str:
    """Both in the unit of the larger."""
    scale, unit = (1e6, "MB") if max(before, after) >= 1_000_000 else (1e3, "kB")
    return f"{before / scale:.2f} → {after / scale:.2f} {unit}"


def _figures(comparison: Comparison | None) -> list[str]:
    if comparison is None:
        return []
    error, told, n = next(iter(comparison.outputs.values())), comparison.answers, comparison.n_samples
    spread = "" if error.sqnr_error_db is None else f"± {error.sqnr_error_db:.2f} dB standard error; "
    sqnr = f"{error.sqnr_db:.2f} dB" if math.isfinite(error.sqnr_db) else number(error.sqnr_db)
    tiles = [_tile("Output SQNR", sqnr, f"{spread}cosine {error.cosine:.5f}")]
    if error.agreement is not None:
        tiles.append(
            _tile("Same answer as float", f"{100 * error.agreement:.2f} %", _interval(error.agreement_interval))
        )
    elif told is not None:
        tiles.append(_tile(f"Agreement ({told.task})", f"{100 * told.agreement:.2f} %", told.means))
    if error.accuracy is not None and error.float_accuracy is not None:
        change = f"{100 * error.float_accuracy:.2f} % → {100 * error.accuracy:.2f} %"
        tiles.append(_tile("Accuracy", change, f"float → chosen; {_interval(error.accuracy_interval)}"))
    elif told is not None and told.score is not None and told.float_score is not None:
        tiles.append(_tile(told.score_name, f"{told.float_score:.4f} → {told.score:.4f}", "float → chosen"))
    tiles.append(_tile("Samples", str(n), "what these figures were measured on"))
    return tiles


def _interval(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f"95 % interval {100 * interval[0]:.2f} to {100 * interval[1]:.2f} %"


def _sentences(facts: Facts) -> str:
    order, recipe = facts.order, facts.order.recipe
    counts = {True: Counter[str](), False: Counter[str]()}
    for row in facts.rows:
        counts[row.is_weight]["fp32" if row.choice is None else row.choice.format] += 1
    kinds = [f"{what}: {_counted(counts[key])}" for key, what in ((True, "weights"), (False, "activations"))]
    sentences = [f"Formats: {'; '.join(kinds)}."]
    if facts.comparison is None:
        sentences.append("No data was given: what the output becomes is not measured here.")
    else:
        against = "All figures compare the simulated quantized network with the float32 network on the same samples; "
        sentences.append(against + "the simulation computes what an exported ONNX file computes in the float reading.")
    if order.calibration is not None:
        sentences.append(f"Distributions of activations were counted on {order.calibration.n_samples} samples.")
    else:
        sentences.append("No calibration was given: distributions of activations are not shown.")
    if recipe.model_sha256 != order.model.sha256:
        sentences.append("The recipe was made for another file than this model; see the hashes.")
    return "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)


def _counted(formats: Counter[str]) -> str:
    return ", ".join(f"{n} {format}" for format, n in sorted(formats.items(), key=lambda p: (-p[1], p[0]))) or "none"
