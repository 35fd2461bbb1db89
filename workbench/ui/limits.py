"""`Limits`: what a target or a device can express of tensors, as chosen and of what could be chosen instead."""

import dataclasses
from typing import Any

import numpy as np

from workbench.messages import WorkbenchError
from workbench.models.model import Model
from workbench.numerics.formats.catalogue import FORMATS
from workbench.workflow.choice import TensorChoice
from workbench.workflow.choose import weight_names
from workbench.workflow.export.catalogue import TARGETS
from workbench.workflow.export.target import Target
from workbench.workflow.profiles.catalogue import PROFILES
from workbench.workflow.profiles.profile import Profile
from workbench.workflow.recipe import Recipe

DEFAULT_TARGET = "onnx_qdq"
ANY = ""  # no target: everything can be simulated
GROUPINGS: dict[str, dict[str, Any]] = {  # a stand-in with one group is enough to ask
    "tensor": {},
    "channel": {"axis": 0, "low": np.array([-1.0]), "high": np.array([1.0])},
    "block": {"axis": 0, "block_size": 32, "low": np.array([-1.0]), "high": np.array([1.0])},
}


def target_or_profile(name: str) -> Target | Profile:
    """The export target of a name, else the profile; both say title, runs_on, refusal, misfits and refusals.

    Raises WorkbenchError for a name of neither.
    """
    if name in TARGETS:
        return TARGETS[name]
    if name in PROFILES:
        return PROFILES[name]
    known = ", ".join(dict.fromkeys([*TARGETS, *PROFILES]))
    raise WorkbenchError(f"unknown export target {name!r}; expected one of {known}")


class Limits:
    """Answers that are worked out once. target, everywhere: a name of TARGETS or PROFILES, or ANY.

    Reasons are words without a full stop, "" where there is nothing against it. May be asked from any thread.
    """

    def __init__(self, model: Model) -> None:
        self._model, self._weights = model, set(weight_names(model))
        self._options: dict[tuple[object, ...], tuple[object, str]] = {}
        self._found: tuple[str, Recipe | None, dict[str, str]] = (ANY, None, {})

    def misfits(self, target: str, recipe: Recipe) -> dict[str, str]:
        """Tensor -> why the target cannot express it as chosen."""
        if target == ANY:
            return {}
        known_target, known, found = self._found
        if known is not recipe or known_target != target:
            found = target_or_profile(target).misfits(self._model, recipe)
            self._found = (target, recipe, found)
        return found

    def of_format(self, target: str, tensor: str, format: str) -> str:
        """Why the target cannot express a tensor in a format as it comes."""
        return self._asked(target, format, tensor in self._weights, {})

    def of_option(self, target: str, tensor: str, format: str, **changes: Any) -> str:
        """Why it cannot with these fields changed; "" where the format itself is at fault or no longer registered."""
        is_weight = tensor in self._weights
        if format == "fp32" or format not in FORMATS or self._asked(target, format, is_weight, {}):
            return ""
        return self._asked(target, format, is_weight, changes)

    def _asked(self, target: str, format: str, is_weight: bool, changes: dict[str, Any]) -> str:
        if target == ANY:
            return ""
        member, key = FORMATS[format], (target, format, is_weight, repr(sorted(changes.items())))
        known = self._options.get(key)
        if known is None or known[0] is not member:  # a user's own format may have become another
            choice = _as_it_comes(format)
            try:
                wanted = choice if choice is None else dataclasses.replace(choice, **changes)
            except WorkbenchError:  # the format cannot have it: not for the target to say
                wanted = choice
            judge = target_or_profile(target)
            reason = judge.refusal(wanted, is_weight=is_weight)
            self._options[key] = known = (member, f"{judge.runs_on}: {reason}" if reason else "")
        return known[1]


def _as_it_comes(format: str) -> TensorChoice | None:
    """A format on some tensor, with no choice made but the format; None for fp32."""
    if format == "fp32":
        return None
    levels = (-1.0, 1.0) if FORMATS[format].needs_values else None
    axis = 0 if FORMATS[format].block_size is not None else None  # blocks run along an axis
    return TensorChoice("", format, "hand", -1.0, 1.0, symmetric=True, axis=axis, levels=levels)
