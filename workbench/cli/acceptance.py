"""Arguments that say what is good enough, and the judgement of it in words and facts."""

import argparse
import contextlib
import math
from typing import TYPE_CHECKING, Any

from workbench.messages import WorkbenchError

if TYPE_CHECKING:
    from workbench.workflow.acceptance import Acceptance
    from workbench.workflow.comparison import Comparison


def acceptance_arguments(parser: argparse.ArgumentParser) -> None:
    """--max-loss and --min-sqnr."""
    group = parser.add_argument_group("acceptance", "exit code 1 where the measured figure is beyond; needs --data")
    words = "of the accuracy with --labels, else the share of answers that may change: 1%% or 0.01"
    group.add_argument("--max-loss", type=share, metavar="SHARE", help=words)
    group.add_argument("--min-sqnr", type=decibels, metavar="DB", help="least output SQNR against float, dB")


def decibels(text: str) -> float:
    """A finite number, which may be written with its unit."""
    with contextlib.suppress(ValueError):
        if math.isfinite(number := float(text.strip().lower().removesuffix("db"))):
            return number
    raise argparse.ArgumentTypeError(f"{text!r} is no number of dB; expected such as 25")


def share(text: str) -> float:
    """ "1%" and "0.01" are the same."""
    from workbench.workflow.acceptance import as_share

    try:
        return as_share(text)
    except WorkbenchError:
        raise argparse.ArgumentTypeError(f"{text!r} is no share; expected such as 1% or 0.01") from None


def is_asked(arguments: argparse.Namespace) -> bool:
    """Whether something is to be judged. Raises WorkbenchError where there is nothing to judge it on."""
    asked = arguments.max_loss is not None or arguments.min_sqnr is not None
    if asked and arguments.data is None:
        raise WorkbenchError("--max-loss and --min-sqnr are measured; give --data")
    return asked


def judged(comparison: "Comparison | None", arguments: argparse.Namespace) -> "tuple[Acceptance, ...]":
    """What was asked for, of what was measured."""
    from workbench.workflow.acceptance import judge

    if comparison is None or not is_asked(arguments):
        return ()
    return judge(comparison, max_loss=arguments.max_loss, min_sqnr_db=arguments.min_sqnr)


def acceptance_words(acceptance: "tuple[Acceptance, ...]") -> list[str]:
    """A line each; where the samples are too few, what the exit code goes by."""
    lines = []
    for one in acceptance:
        measured = "within it as measured" if one.measured_ok else "beyond it as measured"
        lines.append(f"acceptance {one.verdict}{f' ({measured})' if one.verdict[0] == 'n' else ''}: {one.words}")
    return lines


def acceptance_facts(acceptance: "tuple[Acceptance, ...]") -> dict[str, Any]:
    """The same for machines."""
    return {"acceptance": [vars(one) for one in acceptance]} if acceptance else {}
