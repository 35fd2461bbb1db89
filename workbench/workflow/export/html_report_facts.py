"""`Facts`: all that the report says, gathered from an order; `Row`: one tensor of its table."""

import hashlib
import json
import platform
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
import onnx
import onnxruntime

from workbench.messages import Notice
from workbench.numerics.errors.error import QuantizationError
from workbench.workflow.acceptance import MAX_LOSS, Acceptance, can_be_judged, judge
from workbench.workflow.choice import TensorChoice
from workbench.workflow.choose import weight_names
from workbench.workflow.comparison import Comparison, TensorError
from workbench.workflow.export.compared import compared
from workbench.workflow.export.own_errors import own_errors
from workbench.workflow.export.target import Order
from workbench.workflow.sizes import size_bytes


@dataclass(frozen=True)
class Row:
    """One tensor. choice: None where it stays float. own: its error by itself. reached: in the quantized network."""

    name: str
    is_weight: bool
    choice: TensorChoice | None
    own: QuantizationError | None
    reached: TensorError | None
    note: str
    called: str


@dataclass(frozen=True)
class Facts:
    """rows: in graph order. sizes: bytes of the constants, float and chosen. recipe: its JSON text.

    comparison, acceptance: None and empty without data. hashes, versions: what was used, by name.
    """

    order: Order
    rows: tuple[Row, ...]
    sizes: tuple[int, int]
    comparison: Comparison | None
    acceptance: tuple[Acceptance, ...]
    notices: tuple[Notice, ...]
    recipe: str
    hashes: dict[str, str]
    versions: dict[str, str]

    @classmethod
    def of(cls, order: Order) -> "Facts":
        """Runs the network where there is data. Raises WorkbenchError for options that are none of theirs."""
        model, recipe, comparison = order.model, order.recipe, compared(order)
        text = recipe_text(order)
        float_size, chosen_size, _ = size_bytes(model, recipe)
        said = (*model.notices, *recipe.notices, *(order.calibration.notices if order.calibration else ()))
        return cls(
            order=order,
            rows=_rows(order, comparison),
            sizes=(float_size, chosen_size),
            comparison=comparison,
            acceptance=_acceptance(order, comparison),
            notices=tuple(dict.fromkeys((*said, *(comparison.notices if comparison else ())))),
            recipe=text,
            hashes={"model (SHA-256)": model.sha256, "recipe (SHA-256)": hashlib.sha256(text.encode()).hexdigest()},
            versions={
                "workbench": str(import_module("workbench").__version__),
                "onnxruntime": onnxruntime.__version__,
                "onnx": onnx.__version__,
                "numpy": np.__version__,
                "Python": platform.python_version(),
            },
        )


def recipe_text(order: Order) -> str:
    """The recipe as `Recipe.save` writes it."""
    return json.dumps(order.recipe.to_json(), indent=1, ensure_ascii=False) + "\n"


def listed(order: Order) -> tuple[str, ...]:
    """Tensors of the table, layer by layer: what each reads, then its weight; at the end what no layer names."""
    model, recipe = order.model, order.recipe
    wanted = {*weight_names(model), *model.observed, *recipe}
    ordered: dict[str, None] = {}
    for layer in model.layers:
        ordered.update(dict.fromkeys((*layer.inputs, *((layer.weight,) if layer.weight else ()))))
    return tuple(name for name in dict.fromkeys((*ordered, *recipe)) if name in wanted)


def _rows(order: Order, comparison: Comparison | None) -> tuple[Row, ...]:
    recipe, own, weights = order.recipe, own_errors(order), set(weight_names(order.model))
    reached: dict[str, Any] = dict(comparison.tensors) if comparison else {}
    return tuple(
        Row(
            name,
            name in weights,
            recipe.choices.get(name),
            own.get(name),
            reached.get(name),
            recipe.notes.get(name, ""),
            order.name(name),
        )
        for name in listed(order)
    )


def _acceptance(order: Order, comparison: Comparison | None) -> tuple[Acceptance, ...]:
    if comparison is None:
        return ()
    usual = MAX_LOSS if can_be_judged(comparison) else None
    loss = order.options.get("max_loss", usual)
    return judge(comparison, max_loss=loss, min_sqnr_db=order.options.get("min_sqnr_db"))
