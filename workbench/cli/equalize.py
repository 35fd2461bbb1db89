"""`workbench equalize`: the same network with the channels of neighbouring layers brought to one size."""

import argparse

from workbench.cli.command import Command, Result
from workbench.cli.data import data_arguments, read_given
from workbench.cli.network import check_places, network_argument, output_argument


def _arguments(parser: argparse.ArgumentParser) -> None:
    network_argument(parser)
    output_argument(parser)
    words = "factors are powers of two: every bit of the outputs stays as in the network with its BatchNorm folded"
    parser.add_argument("--power-of-two", action="store_true", help=words)
    words = "a Clip (ReLU6) becomes a Relu where no value of --data comes to its limit"
    parser.add_argument("--clip-as-relu", action="store_true", help=words)
    data_arguments(parser, required=False)


def _run(arguments: argparse.Namespace) -> Result:
    from workbench.workflow.opening import load
    from workbench.workflow.repairs.equalize import equalize

    check_places((arguments.output,), (arguments.network, arguments.data, arguments.labels))
    model = load(arguments.network)
    data, _ = read_given(model, arguments)
    options = {"power_of_two": arguments.power_of_two, "clip_as_relu": arguments.clip_as_relu}
    done = equalize(model, arguments.output, data=data, **options)
    outputs = None if done.outputs is None else vars(done.outputs)
    facts = {"files": [str(done.model.path)], "pairs": done.table(), "outputs": outputs}
    return Result(str(done), facts | {"notices": [str(notice) for notice in done.notices]})


EQUALIZE = Command("equalize", "bring the channels of neighbouring layers to one size, as a new file", _arguments, _run)
