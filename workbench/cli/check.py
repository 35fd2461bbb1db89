"""`workbench check`: are these the inputs that the network was trained on?"""

import argparse

from workbench.cli.command import Command, Result
from workbench.cli.data import data_arguments, read_given
from workbench.cli.network import network_argument


def _arguments(parser: argparse.ArgumentParser) -> None:
    network_argument(parser)
    data_arguments(parser, required=True)


def _run(arguments: argparse.Namespace) -> Result:
    from workbench.workflow.check_inputs import check_inputs
    from workbench.workflow.opening import load

    model = load(arguments.network)
    data, labels = read_given(model, arguments)
    found = check_inputs(model, data, labels)
    facts = {name: value for name, value in vars(found).items() if name != "samples"}
    return Result(str(found), facts, ok=found.ok)


CHECK = Command("check", "compare inputs with what the network tells of its training", _arguments, _run)
