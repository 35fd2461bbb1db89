"""CATALOGUE.md, written from the catalogues themselves: `python -m tests.catalogue_page` renews the file."""

import inspect
import math
import sys
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from workbench.numerics.arithmetic.binary import binary_scale
from workbench.numerics.clipping.catalogue import CLIPPING
from workbench.numerics.clipping.zero_band import zero_band
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.formats.codebook import CodebookFormat
from workbench.numerics.formats.format import Format
from workbench.numerics.formats.integer import IntegerFormat
from workbench.numerics.formats.logarithmic import LogarithmicFormat
from workbench.numerics.formats.normal_float import normal_float_levels
from workbench.numerics.formats.presets import PRESETS
from workbench.numerics.formats.rounding import OVERFLOWS, ROUNDINGS
from workbench.numerics.formats.shared_exponent import BlockFormat
from workbench.workflow.choice import TensorChoice
from workbench.workflow.export.catalogue import TARGETS
from workbench.workflow.export.qdq_elements import Element, element_of, refusal
from workbench.workflow.export.target import Target
from workbench.workflow.profiles.catalogue import PROFILES
from workbench.workflow.profiles.side import Side
from workbench.workflow.ranges.catalogue import READERS

PAGE = Path(__file__).resolve().parents[1] / "CATALOGUE.md"
COMMAND = "python -m tests.catalogue_page"
NONE = "–"

INTRODUCTION = f"""# Formats, roundings, methods, presets, targets and profiles

Written from the catalogues by `{COMMAND}`; a test compares, so that this page cannot drift from the code.
What the formats do to a real network is measured in [README.md](README.md); how to add one is in
[CONTRIBUTING.md](CONTRIBUTING.md).

## Formats

*Range* is that of the levels at scale 1; a threshold T stretches it. *Scale* says which scales there are; without one
the format brings its own range and there is no threshold. *Overflow* is what becomes of values beyond the end levels
unless another policy is chosen. The last two columns say how `onnx_qdq` writes a weight and an activation: the type in
the file, or "refused" with the format that comes nearest. Weights are stored rounded, under any rounding, overflow and
zero band; of activations a file can only express nearest even, the overflow of the operator and no zero band.
"""

# family -> (heading, one sentence); a family that is not here stops the generator
FAMILIES = {
    "identity": ("Float32", "The numbers of the network itself: every value is its own level."),
    "floating": ("Floating point", "A sign, an exponent and a mantissa: relative precision, dense around zero."),
    "integer": (
        "Integers",
        "Equal steps; a scale and a zero point place them, and every width has three kinds of codes.",
    ),
    "fixed_point": ("Fixed point", "Integers whose scale is a power of two, so that scaling is a shift."),
    "logarithmic": ("Logarithmic", "Levels in a geometric row, so that multiplying becomes adding exponents."),
    "codebook": ("Codebooks", "A list of levels that follows no rule: published, fitted by k-means or your own."),
    "binary": ("Binary and ternary", "Signs, or signs and zero, times one scale."),
    "shared_exponent": ("Shared exponent", "Blocks of neighbours share one power-of-two scale found in the data (MX)."),
    "pruning": (
        "Pruning",
        "Small values become zero; the same band can be put before any format that has a level at 0.",
    ),
}
COLUMNS = ("name", "title", "bits", "levels", "range", "smallest > 0", "scale", "overflow", "weights", "activations")


def table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """A Markdown table; bars inside a cell are escaped."""
    heading = list(columns)
    lines = [heading, ["---"] * len(heading), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return [*(f"| {' | '.join(line)} |" for line in lines), ""]


def opening(thing: Any) -> str:
    """The first line of a docstring."""
    return inspect.getdoc(thing).splitlines()[0]


def source(thing: Any) -> str:
    """What a docstring cites, on one line; "as `name`" is looked up in the module of the thing."""
    words = " ".join(inspect.getdoc(thing).split())
    for mark in ("Source: ", "Sources: "):
        if mark in words:
            cited = words.split(mark, 1)[1]
            if cited.startswith("as `"):
                return source(getattr(sys.modules[thing.__module__], cited.split("`")[1]))
            return cited
    return ""


def number(value: float) -> str:
    return f"{value:,.6g}".replace("-", "−").replace("e+", "e")


def power(value: float) -> str:
    """A magnitude, as a power of two where it is one that is hard to read otherwise."""
    mantissa, exponent = math.frexp(value)
    return f"2^{exponent - 1}".replace("-", "−") if mantissa == 0.5 and value < 0.1 else f"{value:.3g}"


def levels_of(format: Format) -> np.ndarray | None:
    """Levels at scale 1; those of an element where blocks have a scale; None where there is no list."""
    if format.needs_values:
        return None
    return levels_of(format.element) if isinstance(format, BlockFormat) else format.unit_levels()


def range_of(format: Format) -> str:
    levels = levels_of(format)
    if levels is None:
        return "of the data" if format.needs_values else f"±{number(format.largest)}"
    low, high = float(levels[0]), float(levels[-1])
    ends = f"±{number(high)}" if low == -high else f"{number(low)} … {number(high)}"
    return ends + (" times 2^e" if isinstance(format, BlockFormat) else "")


def scale_of(format: Format) -> str:
    if format.block_size is not None:
        return f"2^e for each block of {format.block_size}"
    if isinstance(format, LogarithmicFormat) and format.steps_per_octave > 1:
        return f"2^(k/{format.steps_per_octave})"
    if isinstance(format, LogarithmicFormat):
        return "2^k"
    return {"continuous": "any", "power_of_two": "2^k", "fixed": "none"}[format.step]


def in_file(format: Format, *, is_weight: bool) -> str:
    """The ONNX type that holds a weight or an activation of this format, or what comes nearest."""
    if format.family == "identity":
        return "stays float32"
    levels = (-1.0, 1.0) if format.needs_values else None
    choice = TensorChoice("x", format.name, "hand", -1.0, 1.0, symmetric=True, levels=levels)
    refused = refusal(choice, is_weight=is_weight)
    if refused is not None:
        return f"refused, nearest is {refused.rpartition('nearest is ')[2].rstrip('.')}"
    element = element_of(format, is_weight=is_weight)
    assert element is not None
    return element_name(element)


def element_name(element: Element) -> str:
    return element.dtype.name + {"QuantizeLinear": "", "Cast": " (Cast)", "constant": ""}[element.operator]


def format_row(format: Format) -> list[str]:
    levels = levels_of(format)
    positive = None if levels is None else float(levels[levels > 0][0])
    n_levels = (
        f"up to {2**format.bits}, fitted" if format.needs_values else NONE if levels is None else f"{levels.size:,}"
    )
    bits = f"{format.bits} + 8/{format.block_size}" if format.block_size is not None else str(format.bits)
    return [
        f"`{format.name}`",
        format.title,
        bits,
        n_levels,
        range_of(format),
        NONE if positive is None else power(positive),
        scale_of(format),
        NONE if format.family in ("identity", "pruning") else format.overflow,
        in_file(format, is_weight=True),
        in_file(format, is_weight=False),
    ]


def folded(formats: list[IntegerFormat]) -> list[str]:
    """One row for the same kind of integer in all widths, which must follow each other without a gap."""
    formats = sorted(formats, key=lambda format: format.bits)
    first, last = formats[0], formats[-1]
    assert [f.bits for f in formats] == list(range(first.bits, last.bits + 1))
    pairs = list(zip(format_row(first), format_row(last), strict=True))
    row = [a if a == b else f"{a} to {b}" for a, b in pairs]
    return [*row[:-2], *(by_width(formats, is_weight=is_weight) for is_weight in (True, False))]


def by_width(formats: list[IntegerFormat], *, is_weight: bool) -> str:
    """As in "int4 (2–4 bits), int8 (5–8 bits)"; other widths are refused."""
    held = [(format.bits, element_of(format, is_weight=is_weight)) for format in formats]
    parts = []
    for element, group in groupby([pair for pair in held if pair[1] is not None], key=lambda pair: pair[1]):
        widths = [bits for bits, _ in group]
        span = f"{widths[0]}–{widths[-1]}" if len(widths) > 1 else str(widths[0])
        parts.append(f"{element_name(element)} ({span} bits)")
    if not parts:
        return "refused, nearest is the full kind"
    return ", ".join(parts) + ("" if all(element for _, element in held) else ", others refused")


def integer_rows(formats: list[Format]) -> list[list[str]]:
    kinds: dict[tuple[bool, bool], list[IntegerFormat]] = {}
    for format in formats:
        assert isinstance(format, IntegerFormat)
        kinds.setdefault((format.signed, format.qmin == -format.qmax), []).append(format)
    return [folded(members) for members in kinds.values()]


def family_sources(name: str, formats: list[Format]) -> str:
    """What is cited for a family: by the class, and by what made the levels of a member."""
    cited = {"pruning": [zero_band], "codebook": [CodebookFormat, normal_float_levels], "binary": [binary_scale]}
    found = [source(thing) for thing in cited.get(name, [type(formats[0])])]
    return " ".join(filter(None, found))


def format_sections() -> list[str]:
    lines: list[str] = []
    families: dict[str, list[Format]] = {}
    for name in sorted(FORMATS.built_in, key=list(FORMATS).index):
        families.setdefault(FORMATS[name].family, []).append(FORMATS[name])
    for family in (*FAMILIES, *(set(families) - set(FAMILIES))):
        heading, sentence = FAMILIES[family]
        members = families[family]
        rows = integer_rows(members) if family == "integer" else [format_row(format) for format in members]
        lines += [f"### {heading}", "", sentence, "", *table(COLUMNS, rows)]
        if cited := family_sources(family, members):
            lines += [f"Source: {cited}", ""]
    return lines


def method_sections() -> list[str]:
    def rows(of_tools: bool) -> Iterable[list[str]]:
        for name in sorted(CLIPPING.built_in, key=list(CLIPPING).index):
            method = CLIPPING[name]
            if (".compatibility." in method.__module__) is of_tools:
                options = {k: v for k, v in (method.__kwdefaults__ or {}).items() if k != "symmetric"}
                given = ", ".join(f"`{option}={value!r}`" for option, value in options.items())
                yield [f"`{name}`", opening(method), given or NONE, source(method) or NONE]

    columns = ("name", "meaning", "options", "source")
    return [
        "## Threshold methods",
        "",
        "From a distribution and a format to the range that is kept. Every method takes `symmetric` too.",
        "Without a source, the meaning is the whole definition.",
        "",
        *table(columns, rows(False)),
        "### Methods that reproduce another tool",
        "",
        "Each finds the threshold that the tool itself finds on the same values, with the tool's own histogram.",
        "",
        *table(columns, rows(True)),
    ]


def preset_rows() -> Iterable[list[str]]:
    for name in sorted(PRESETS.built_in, key=list(PRESETS).index):
        preset = PRESETS[name]
        overflow = preset.overflow or FORMATS[preset.format].overflow
        choices = [f"`{preset.format}`", preset.rounding, overflow, preset.method or NONE]
        yield [f"`{name}`", preset.title, preset.sentence, *choices, preset.source]


KINDS = {
    "network": (
        "Networks that run",
        "The file is checked, read back and, where it can be, run against the simulation.",
    ),
    "ranges": ("Files of ranges", "For a tool that has the network. Read back, every range is the recipe's."),
    "report": ("Reports", "For people and viewers."),
}


def target_sections() -> list[str]:
    lines = ["## Targets", "", "What `wb.export(..., target=)` writes; `wb.TARGETS` has them.", ""]
    for kind, (heading, sentence) in KINDS.items():
        members = [TARGETS[name] for name in sorted(TARGETS.built_in, key=list(TARGETS).index)]
        rows = (
            [f"`{one.name}`", one.title, f"`{one.suffix}`", option_words(one)] for one in members if one.kind == kind
        )
        lines += [f"### {heading}", "", sentence, "", *table(("name", "title", "file", "options"), rows)]
    return lines


def option_words(target: Target) -> str:
    return "; ".join(f"`{name}`: {meaning}" for name, meaning in target.options.items()) or NONE


def reader_rows() -> Iterable[list[str]]:
    for name in sorted(READERS.built_in, key=list(READERS).index):
        endings = ", ".join(f"`{suffix}`" for suffix in READERS[name].suffixes)
        yield [f"`{name}`", READERS[name].title, endings]


def side_words(side: Side) -> str:
    groups = " or ".join(f"per {grouping}" for grouping in side.groupings)
    points = "any zero point" if side.zero_points == "any" else "no zero point"
    scales = "any scale" if side.scales == "free" else f"scales {side.scales.replace('_', ' ')}"
    return f"{', '.join(f'`{name}`' for name in side.formats)}; {groups}; {points}, {scales}"


def profile_rows() -> Iterable[list[str]]:
    for name in sorted(PROFILES.built_in, key=list(PROFILES).index):
        one = PROFILES[name]
        yield [f"`{name}`", one.title, side_words(one.weights), side_words(one.activations), "; ".join(one.sources)]


def page() -> str:
    """The whole of CATALOGUE.md."""
    modes = ("name", "meaning")
    lines = [
        INTRODUCTION,
        *format_sections(),
        "## Roundings",
        "",
        *table(modes, ([f"`{name}`", meaning] for name, meaning in ROUNDINGS.items())),
        "## Overflow",
        "",
        "Floating formats with a code for infinity or NaN can have any of the three; all others saturate.",
        "",
        *table(modes, ([f"`{name}`", meaning] for name, meaning in OVERFLOWS.items())),
        *method_sections(),
        "## Presets",
        "",
        "What another tool or chip does, as one choice of format, rounding, overflow and method.",
        "",
        *table(("name", "title", "meaning", "format", "rounding", "overflow", "method", "source"), preset_rows()),
        *target_sections(),
        "## Files that are read",
        "",
        "What `wb.read_ranges` takes, and *Open ranges* in the app; `wb.open_quantized` opens a quantized file alone.",
        "",
        *table(("name", "title", "usual endings"), reader_rows()),
        "## Device profiles",
        "",
        "What a device can express: `wb.export(..., profile=)` refuses the rest, `wb.fitted_to` brings a recipe there.",
        "",
        *table(("name", "title", "weights", "activations", "source"), profile_rows()),
    ]
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE.name}")
