"""What `workbench quantize` chooses: one format for all weights, or several under a budget of bytes."""

import argparse
import re
from typing import TYPE_CHECKING

from workbench.messages import WorkbenchError

if TYPE_CHECKING:
    from workbench.models.model import Model
    from workbench.workflow.batches import Batches
    from workbench.workflow.calibration import Calibration
    from workbench.workflow.recipe import Recipe

_UNITS = {"": 1, "b": 1} | {f"{k}{i}b": (1024 if i else 1000) ** n for n, k in enumerate("kmg", 1) for i in ("", "i")}
_NUMBER = r"((?:\d+\.?\d*|\.\d+)(?:e[+-]?\d{1,2})?)"


def n_bytes(text: str) -> int:
    """ "200000", "2e5", "200kB" and "0.2 MB" are the same; "1 KiB" is 1024."""
    found = re.fullmatch(rf"\s*{_NUMBER}\s*([kmg]i?b|b)?\s*", text.lower())
    if found is None:
        words = "expected such as 200000, 200kB, 200KiB (1024 bytes each) or 1.5MB"
        raise argparse.ArgumentTypeError(f"{text!r} is no number of bytes; {words}")
    return int(float(found[1]) * _UNITS[found[2] or ""])


def formats_of(arguments: argparse.Namespace) -> list[str]:
    """The formats of weights, as they were given."""
    return [format for format in (part.strip() for part in arguments.weights.split(",")) if format]


def check_mix(arguments: argparse.Namespace) -> None:
    """WorkbenchError, before any work, for no format, several that have no measure, and one that has a budget."""
    formats = formats_of(arguments)
    if not formats:
        raise WorkbenchError(f"--weights {arguments.weights!r} names no format; expected such as int8, or int4,int8")
    several = len(formats) > 1
    if several and arguments.budget is None and arguments.min_sqnr is None:
        raise WorkbenchError(
            f"--weights {arguments.weights} leaves open which weight gets which; give --budget BYTES (the best within "
            "it) or --min-sqnr DB (the fewest bytes that have it)"
        )
    if arguments.budget is not None and not several:
        raise WorkbenchError("--budget is for several formats; give them as --weights int4,int8")


def chosen(model: "Model", calibration: "Calibration", data: "Batches", arguments: argparse.Namespace) -> "Recipe":
    """The recipe that the arguments ask for."""
    from workbench.workflow.allocate import allocate
    from workbench.workflow.choose import choose

    formats = formats_of(arguments)
    how = {"activations": arguments.activations, "clipping": arguments.clipping, "symmetric": arguments.symmetric}
    how["per_channel"] = not arguments.per_tensor
    if len(formats) == 1:
        return choose(model, calibration, weights=formats[0], **how)
    how |= {"budget_bytes": arguments.budget}
    how |= {"least_sqnr_db": arguments.min_sqnr if arguments.budget is None else None}
    try:
        return allocate(model, calibration, data, formats=formats, **how)
    except WorkbenchError as error:  # as it is called here
        raise WorkbenchError(str(error).replace("budget_bytes=", "--budget ")) from None
