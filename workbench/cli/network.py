"""Arguments that name a network, a target and its options; what an export has to say."""

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.cli.command import Result
from workbench.messages import WorkbenchError

if TYPE_CHECKING:
    from workbench.workflow.acceptance import Acceptance
    from workbench.workflow.export.exporting import ExportReport


def network_argument(parser: argparse.ArgumentParser) -> None:
    """The ONNX file."""
    parser.add_argument("network", type=Path, metavar="net.onnx", help="the float network; it is never modified")


def output_argument(parser: argparse.ArgumentParser) -> None:
    """-o."""
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="the file to write")


def target_arguments(parser: argparse.ArgumentParser) -> None:
    """--target, --profile, --names, --option."""
    parser.add_argument("--target", default="onnx_qdq", help="a name of wb.TARGETS (onnx_qdq)")
    words = "what the file will run on, a name of wb.PROFILES: what it cannot express is refused"
    parser.add_argument("--profile", metavar="NAME", help=words)
    words = "how the target calls the tensors: its own file, or a CSV table of pairs (tensor, name)"
    parser.add_argument("--names", type=Path, metavar="FILE", help=words)
    option_arguments(parser)


def option_arguments(parser: argparse.ArgumentParser) -> None:
    """--option."""
    words = "an option of the target, such as keep_io_types=false; the value is JSON, or else a text; may be repeated"
    parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help=words)


def options_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """Name -> value of all --option. Raises WorkbenchError for one without a sign."""
    found: dict[str, Any] = {}
    for pair in arguments.option:
        name, sign, text = pair.partition("=")
        if not (name and sign):
            raise WorkbenchError(f"--option {pair!r}: expected NAME=VALUE")
        try:
            found[name] = json.loads(text)
        except ValueError:
            found[name] = text
    return found


def check_places(written: Sequence[Path], read: Sequence[Path | None]) -> None:
    """WorkbenchError, before any work, where no file can be, or one would take the place of what is read or written."""
    from workbench.workflow.files import place_of

    places = [os.path.realpath(path) for path in written]
    for path, place in zip(written, places, strict=True):
        if place in {os.path.realpath(each) for each in read if each is not None}:
            raise WorkbenchError(f"{path} is an input, and inputs are never modified; give another name")
        if places.count(place) > 1:
            raise WorkbenchError(f"{path} would be written twice; give another name")
        if not os.path.isdir(os.path.dirname(place)):
            raise WorkbenchError(f"cannot write {path}: there is no folder {os.path.dirname(place)}")
        place_of(path)


def check_known(target: str, options: Mapping[str, Any]) -> None:
    """WorkbenchError for an unknown target, or an option that it does not take."""
    from workbench.workflow.export.catalogue import TARGETS

    TARGETS[target].check_options(options)


def export_result(report: "ExportReport", acceptance: "tuple[Acceptance, ...]" = (), **more: Any) -> Result:
    """What an export and the judgement of it come to."""
    from workbench.cli.acceptance import acceptance_facts, acceptance_words

    facts = {
        "files": [str(file) for file in report.files],
        "bit_equal": report.bit_equal,
        "sqnr_db": report.sqnr_db,
        "deployed_sqnr_db": None if report.deployed is None else report.deployed.sqnr_db,
        "notices": [str(notice) for notice in report.notices],
        **acceptance_facts(acceptance),
        **more,
    }
    words = "\n".join([str(report), *acceptance_words(acceptance)])
    return Result(words, facts, ok=all(one.measured_ok for one in acceptance))
