"""`workbench convert`: a whole network in another format, without data."""

import argparse
from typing import TYPE_CHECKING

from workbench.cli.command import Command, Result
from workbench.cli.data import data_arguments, read_given
from workbench.cli.network import (
    check_places,
    export_result,
    network_argument,
    option_arguments,
    options_of,
    output_argument,
)
from workbench.messages import WorkbenchError

if TYPE_CHECKING:
    from workbench.models.model import Model
    from workbench.workflow.recipe import Recipe


def _arguments(parser: argparse.ArgumentParser) -> None:
    network_argument(parser)
    words = "fp16, bf16: the whole network; int8, int4, fp8_e4m3 and others: the weights"
    parser.add_argument("--to", required=True, metavar="FORMAT", help=words)
    output_argument(parser)
    parser.add_argument("--target", help="another target than the one that fits the format")
    fp16 = parser.add_argument_group("options of fp16")
    words = "inputs and outputs stay float32 (the default), or become float16"
    fp16.add_argument("--keep-io", action=argparse.BooleanOptionalAction, default=None, help=words)
    words = "a node or a kind of operator that stays float32; may be repeated"
    fp16.add_argument("--keep-float", action="append", metavar="NAME", help=words)
    words = "what becomes of weights beyond the largest number of float16"
    fp16.add_argument("--overflow", choices=("clamp", "refuse"), help=words)
    option_arguments(parser)
    data_arguments(parser, required=False)


def _fitting(model: "Model", recipe: "Recipe", format: str) -> str:
    """The target of its own that a format has, else the first that can express the recipe."""
    from workbench.workflow.export.catalogue import TARGETS

    if f"onnx_{format}" in TARGETS:
        return f"onnx_{format}"
    fit = (name for name in ("onnx_qdq", "onnx_float") if not TARGETS[name].refusals(model, recipe))
    return next(fit, "onnx_qdq")


def _run(arguments: argparse.Namespace) -> Result:
    from workbench.workflow.choose import choose
    from workbench.workflow.export.catalogue import TARGETS
    from workbench.workflow.export.exporting import export
    from workbench.workflow.opening import load

    if arguments.to == "fp32":
        raise WorkbenchError("--to fp32: the network is float32 already; expected another format, such as fp16")
    check_places((arguments.output,), (arguments.network, arguments.data, arguments.labels))
    given = dict(keep_io_types=arguments.keep_io, keep_float=arguments.keep_float, overflow=arguments.overflow)
    options = {**{name: value for name, value in given.items() if value is not None}, **options_of(arguments)}
    model = load(arguments.network)
    data, labels = read_given(model, arguments)
    whole = f"onnx_{arguments.to}" in TARGETS and arguments.target in (None, f"onnx_{arguments.to}")
    recipe = choose(model, None, weights=arguments.to, activations=arguments.to if whole else None)
    target = arguments.target or _fitting(model, recipe, arguments.to)
    report = export(model, recipe, arguments.output, target=target, data=data, labels=labels, **options)
    return export_result(report, target=target, format=arguments.to)


CONVERT = Command("convert", "convert a whole network, such as to float16, or its weights", _arguments, _run)
