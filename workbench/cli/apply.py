"""`workbench apply`: a recipe, or the ranges of another tool, written for a target and proved."""

import argparse
from pathlib import Path

from workbench.cli.acceptance import acceptance_arguments, is_asked, judged
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
from workbench.cli.recipes import recipe_of


def _arguments(parser: argparse.ArgumentParser) -> None:
    words = "a saved recipe, or a file of ranges of another tool"
    parser.add_argument("recipe", type=Path, metavar="recipe.json", help=words)
    network_argument(parser)
    output_argument(parser)
    words = "also count the distributions on the data, for reports and for remarks on ranges"
    parser.add_argument("--calibrate", action="store_true", help=words)
    target_arguments(parser)
    data_arguments(parser, required=False)
    acceptance_arguments(parser)


def _run(arguments: argparse.Namespace) -> Result:
    from workbench.workflow.export.exporting import export
    from workbench.workflow.opening import load

    asked, options = is_asked(arguments), options_of(arguments)
    check_known(arguments.target, options)
    read = arguments.recipe, arguments.network, arguments.data, arguments.labels, arguments.names
    check_places((arguments.output,), read)
    model = load(arguments.network)
    recipe, notices = recipe_of(arguments.recipe, model)
    data, labels = read_given(model, arguments)
    calibration = calibrated(model, data) if arguments.calibrate and data is not None else None
    comparison = compared(model, recipe, data, labels) if asked and data is not None else None
    acceptance = judged(comparison, arguments)
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
    result = export_result(report, acceptance, target=arguments.target, recipe_notices=[str(n) for n in notices])
    return Result("\n".join([result.words, *map(str, notices)]), result.facts, result.ok)


APPLY = Command("apply", "write a recipe, or ranges of another tool, for a target", _arguments, _run)
