"""`workbench quantize`: calibrate, choose and export in one go; the recipe is saved beside."""

import argparse
from pathlib import Path

from workbench.cli.acceptance import acceptance_arguments, is_asked, judged
from workbench.cli.choosing import check_mix, chosen, n_bytes
from workbench.cli.command import Command, Result
from workbench.cli.data import data_arguments, read_given
from workbench.cli.measuring import calibrated, compared
from workbench.cli.network import (
    check_known,
    check_places,
    export_result,
    network_argument,
    options_of,
    output_argument,
    target_arguments,
)


def _arguments(parser: argparse.ArgumentParser) -> None:
    network_argument(parser)
    output_argument(parser)
    words = (
        "of all weights; fp32 leaves them (int8). Several, such as int4,int8: each weight gets what its place is worth"
    )
    parser.add_argument("--weights", default="int8", metavar="FORMAT", help=words)
    words = (
        "of several formats: most bytes of all constants, such as 200000 or 200kB; without it, the fewest bytes that "
    )
    parser.add_argument("--budget", type=n_bytes, metavar="BYTES", help=words + "have --min-sqnr are looked for")
    parser.add_argument("--activations", default="int8", metavar="FORMAT", help="of what layers read (int8)")
    parser.add_argument(
        "--clipping", default="least_error", metavar="METHOD", help="how ranges are found (least_error)"
    )
    parser.add_argument("--symmetric", action="store_true", help="activations around zero, with zero point 0")
    parser.add_argument("--per-tensor", action="store_true", help="one range for each weight instead of one a channel")
    words = "where the recipe goes (OUTPUT with .recipe.json; OUTPUT itself where --target is recipe)"
    parser.add_argument("--recipe", type=Path, metavar="FILE", help=words)
    target_arguments(parser)
    data_arguments(parser, required=True)
    acceptance_arguments(parser)


def _run(arguments: argparse.Namespace) -> Result:
    from workbench.workflow.export.exporting import export
    from workbench.workflow.opening import load

    options = options_of(arguments)
    check_known(arguments.target, options)
    check_mix(arguments)
    is_recipe = arguments.target == "recipe" and arguments.recipe is None  # what is written is the recipe already
    beside = arguments.output if is_recipe else arguments.recipe or arguments.output.with_suffix(".recipe.json")
    read = arguments.network, arguments.data, arguments.labels, arguments.names
    check_places((arguments.output,) if is_recipe else (arguments.output, beside), read)
    model = load(arguments.network)
    data, labels = read_given(model, arguments)
    assert data is not None  # --data is required
    calibration = calibrated(model, data)
    recipe = chosen(model, calibration, data, arguments)
    acceptance = judged(compared(model, recipe, data, labels), arguments) if is_asked(arguments) else ()
    report = export(
        model,
        recipe,
        arguments.output,
        target=arguments.target,
        data=data,
        calibration=calibration,
        labels=labels,
        names=arguments.names,
        profile=arguments.profile,
        **options,
    )
    if not is_recipe:
        recipe.save(beside)
    result = export_result(report, acceptance, target=arguments.target, recipe=str(beside))
    measured = "\n(measured on the data that the ranges were chosen on)" if acceptance else ""
    return Result(f"{result.words}{measured}\nrecipe: {beside}", result.facts, result.ok)


QUANTIZE = Command("quantize", "calibrate, choose formats and ranges, export, and save the recipe", _arguments, _run)
