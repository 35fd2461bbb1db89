"""`workbench report`: one HTML page about a recipe."""

import argparse
from pathlib import Path
from typing import Any

from workbench.cli.acceptance import acceptance_arguments, is_asked, judged
from workbench.cli.command import Command, Result
from workbench.cli.data import data_arguments, read_given
from workbench.cli.measuring import calibrated, compared
from workbench.cli.network import check_places, export_result, network_argument, output_argument
from workbench.cli.recipes import recipe_of


def _arguments(parser: argparse.ArgumentParser) -> None:
    words = "a saved recipe, or a file of ranges of another tool"
    parser.add_argument("recipe", type=Path, metavar="recipe.json", help=words)
    network_argument(parser)
    output_argument(parser)
    parser.add_argument("--date", metavar="TEXT", help="printed on the page; without it equal inputs give equal bytes")
    data_arguments(parser, required=False)
    acceptance_arguments(parser)


def _run(arguments: argparse.Namespace) -> Result:
    from workbench.workflow.export.exporting import export
    from workbench.workflow.opening import load

    asked = is_asked(arguments)
    check_places((arguments.output,), (arguments.recipe, arguments.network, arguments.data, arguments.labels))
    model = load(arguments.network)
    recipe, notices = recipe_of(arguments.recipe, model)
    data, labels = read_given(model, arguments)
    options: dict[str, Any] = {} if arguments.date is None else {"date": arguments.date}
    calibration = acceptance = None
    if data is not None:
        calibration = calibrated(model, data)
        options["comparison"] = compared(model, recipe, data, labels)
        acceptance = judged(options["comparison"], arguments)
        if asked:
            options |= {"max_loss": arguments.max_loss, "min_sqnr_db": arguments.min_sqnr}
    report = export(
        model,
        recipe,
        arguments.output,
        target="html_report",
        data=data,
        calibration=calibration,
        labels=labels,
        **options,
    )
    result = export_result(report, acceptance or (), recipe_notices=[str(notice) for notice in notices])
    return Result("\n".join([result.words, *map(str, notices)]), result.facts, result.ok)


REPORT = Command("report", "write one HTML page about a recipe", _arguments, _run)
