"""`Menu`: which formats the weights of a network may have, for mixed precision."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from workbench.messages import Notice, WorkbenchError
from workbench.models.model import Model
from workbench.models.segments import Cancelled
from workbench.numerics.formats.catalogue import FORMATS
from workbench.workflow.choice import TensorChoice
from workbench.workflow.choose import choose_tensor, default_weight_clipping, weight_names
from workbench.workflow.recipe import Recipe
from workbench.workflow.runs import Cancel
from workbench.workflow.sizes import size_bytes, tensor_bytes

FLOAT = "fp32"


@dataclass(frozen=True)
class Menu:
    """choices: weight -> format -> its choice; None for a weight that stays float. notices: what was left out."""

    model: Model
    choices: Mapping[str, Mapping[str, TensorChoice | None]]
    notices: tuple[Notice, ...] = ()

    @cached_property
    def by_format(self) -> dict[str, dict[str, TensorChoice]]:
        """The same by format, float apart: format -> weight -> choice."""
        found: dict[str, dict[str, TensorChoice]] = {}
        for weight, known in self.choices.items():
            for format, choice in known.items():
                if choice is not None:
                    found.setdefault(format, {})[weight] = choice
        return found

    def size(self, weight: str, format: str) -> int:
        """Bytes of a weight in a format."""
        return tensor_bytes(int(self.model.tensors[weight].array().size), self.choices[weight][format])

    def other_bytes(self, base: Recipe) -> int:
        """Bytes of all other constants under a recipe that leaves the weights float."""
        as_floats = sum(tensor_bytes(int(self.model.tensors[weight].array().size), None) for weight in self.choices)
        return size_bytes(self.model, base)[1] - as_floats

    def check_budget(self, base: Recipe, budget_bytes: int) -> None:
        """Raises WorkbenchError where not even the smallest formats fit."""
        other = self.other_bytes(base)
        least = other + sum(
            min(self.size(weight, format) for format in known) for weight, known in self.choices.items()
        )
        if least > budget_bytes:
            raise WorkbenchError(
                f"budget_bytes={budget_bytes:,}: the smallest mix takes {least:,} bytes ({other:,} of them biases and "
                "other constants); allow a smaller format or more bytes"
            )


def menu_of(
    model: Model,
    formats: Sequence[str],
    fixed: Mapping[str, str] | None = None,
    *,
    clipping: str = "least_error",
    per_channel: bool = True,
    cancelled: Cancel | None = None,
) -> Menu:
    """Every weight in every format, ranges as `choose` gives them. fixed: weight -> its only format.

    A format that a weight cannot have is left out for it. Raises WorkbenchError for unknown names, without a format,
    and where a weight can have none; `Cancelled`.
    """
    fixed = {} if fixed is None else fixed
    if not isinstance(fixed, Mapping):
        raise WorkbenchError(f"fixed={fixed!r}; expected a mapping from weights to formats")
    if formats is None or not list(formats):
        raise WorkbenchError("formats is empty; give the formats that weights may have, such as ['int4', 'int8']")
    formats = list(dict.fromkeys([formats] if isinstance(formats, str) else formats))
    for format in [*formats, *fixed.values()]:
        _ = FORMATS[format]
    weights = weight_names(model)
    if not weights:
        raise WorkbenchError(f"{model.name} has no layer with a weight, so that there is nothing to choose formats for")
    for weight in fixed:
        if weight not in weights:
            raise WorkbenchError(f"fixed: {model.name} has no weight {weight!r}; expected one of its layers' weights")
    choices: dict[str, dict[str, TensorChoice | None]] = {}
    notices = []
    for weight in weights:
        known: dict[str, TensorChoice | None] = {}
        wanted = [fixed[weight]] if weight in fixed else formats
        for format in wanted:
            if cancelled is not None and cancelled():
                raise Cancelled
            try:
                known[format] = _choice(model, weight, format, clipping, per_channel)
            except WorkbenchError as refusal:
                notices.append(Notice("format", f"Weight {weight!r} was not tried in {format}: {refusal}"))
        if not known:
            raise WorkbenchError(f"weight {weight!r} can have none of {', '.join(wanted)}: {notices[-1]}")
        choices[weight] = known
    return Menu(model, choices, tuple(notices))


def _choice(model: Model, weight: str, format: str, clipping: str, per_channel: bool) -> TensorChoice | None:
    if format == FLOAT:
        return None
    method = default_weight_clipping(format, clipping)
    return choose_tensor(model, None, weight, format=format, method=method, per_channel=None if per_channel else False)
