"""`Recipe`: everything that was chosen for a network, as one value that is printed, saved, compared and rerun."""

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from workbench.messages import Notice, WorkbenchError
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.formats.rounding import Overflow, Rounding
from workbench.workflow.choice import UNSAID, Bound, Dynamic, TensorChoice, own_range_of
from workbench.workflow.files import read_json, write_text

VERSION = 1
_WORDS = {"note": "notes", "target_name": "names"}  # what an entry holds beside the choice -> field of the recipe


@dataclass(frozen=True)
class Difference:
    """One field of one tensor that two recipes do not share; before or after is None where there is no entry."""

    tensor: str
    field: str
    before: Any
    after: Any

    def __str__(self) -> str:
        return f"{self.tensor}: {self.field} {self.before} -> {self.after}"


@dataclass(frozen=True, eq=False)
class Recipe(Mapping[str, TensorChoice]):
    """Choices by tensor name; a tensor without an entry stays float. Every change gives a new recipe.

    model_name, model_sha256: the file the choices were made for.
    notices: remarks of the step that made it; they are neither compared nor saved.
    notes: tensor name -> a person's own words about it, whether it has an entry or stays float.
    names: tensor name -> what a target's tool calls it, where that is another name; see `match_names`.
    """

    model_name: str
    model_sha256: str
    choices: Mapping[str, TensorChoice] = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()
    notes: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.choices, MappingProxyType):  # of another recipe: the same object says the same choices
            object.__setattr__(self, "choices", MappingProxyType(dict(self.choices)))
        for words in ("notes", "names"):
            said = {tensor: text for tensor, text in getattr(self, words).items() if text}
            object.__setattr__(self, words, MappingProxyType(said))

    def __getitem__(self, tensor: str) -> TensorChoice:
        try:
            return self.choices[tensor]
        except KeyError:
            raise KeyError(f"tensor {tensor!r} has no entry, it stays float") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.choices)

    def __len__(self) -> int:
        return len(self.choices)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Recipe):
            return NotImplemented
        same = self.model_sha256 == other.model_sha256 and self.same_words(other)
        return same and dict(self.choices) == dict(other.choices)

    __hash__ = None  # type: ignore[assignment]  # holds arrays

    def __reduce__(self) -> tuple[Any, ...]:
        values = (getattr(self, each.name) for each in dataclasses.fields(self))
        return type(self), tuple(dict(v) if isinstance(v, MappingProxyType) else v for v in values)

    def same_words(self, other: "Recipe") -> bool:
        """Whether notes and names are the same."""
        return self.notes == other.notes and self.names == other.names

    def __repr__(self) -> str:
        formats = sorted({choice.format for choice in self.choices.values()})
        return f"<Recipe for {self.model_name}: {len(self)} tensors as {', '.join(formats) or 'float'}>"

    def with_choice(self, choice: TensorChoice) -> "Recipe":
        """The recipe with this entry instead of the tensor's present one."""
        return self.with_choices(choice)

    def with_choices(self, *choices: TensorChoice) -> "Recipe":
        """The recipe with several entries replaced or added."""
        if not choices:
            return self
        merged = {**self.choices, **{choice.tensor: choice for choice in choices}}
        return dataclasses.replace(self, choices=merged)

    def with_tensor(
        self,
        tensor: str,
        *,
        format: str | None = None,
        low: Bound | None = None,
        high: Bound | None = None,
        method: str | None = None,
        symmetric: bool | None = None,
        axis: int | None = None,
        block_size: int | None = None,
        rounding: Rounding | None = None,
        overflow: Overflow | None = None,
        zero_band: float | None = None,
        levels: Sequence[float] | None = None,
        dynamic: Dynamic | None = None,
    ) -> "Recipe":
        """The recipe with one tensor chosen anew; what is not given is kept from its present entry.

        low, high: give both; floats, or float32 (groups,) with axis. A given range makes the method "hand", and
        `symmetric` None then means the rule of `Quantizer.covering`. format "fp32" takes the entry out. Another format
        brings its own overflow and, for a codebook, its own levels. The other fields are those of `TensorChoice`.
        Raises WorkbenchError for an unknown format, a range that is none, a new entry without a range, and a k-means
        format without levels.
        """
        if format is not None:
            _ = FORMATS[format]
        if format == "fp32":
            return self.without(tensor)
        present = self.choices.get(tensor)
        if (low is None) != (high is None):
            raise WorkbenchError(f"tensor {tensor!r}: low and high go together; give both")
        if present is None and format is None:
            raise WorkbenchError(f"tensor {tensor!r} has no entry yet; give format, low and high")
        values = {} if present is None else {k: getattr(present, k) for k in TensorChoice.__dataclass_fields__}
        values.update(tensor=tensor)
        own_range = not FORMATS[format or values["format"]].has_scale
        if present is not None and format not in (None, present.format):
            values.update(overflow=None, levels=None)
        if low is not None:
            values.update(low=low, high=high, symmetric=symmetric, method="hand", estimated=False, dynamic=None)
            if not np.ndim(low):
                values.update(axis=None, block_size=None)
        elif own_range and present is None:
            values.update(low=0.0, high=0.0, levels=None, axis=None)
        elif present is None:
            raise WorkbenchError(f"tensor {tensor!r} has no range yet; give low and high with format {format!r}")
        elif not own_range and not FORMATS[present.format].has_scale and low is None:
            raise WorkbenchError(f"tensor {tensor!r} as {present.format} has no threshold; give low and high")
        given: dict[str, Any] = dict(
            format=format, method=method, symmetric=symmetric, axis=axis, block_size=block_size
        )
        given |= dict(rounding=rounding, overflow=overflow, zero_band=zero_band, levels=levels, dynamic=dynamic)
        values.update({k: v for k, v in given.items() if v is not None})
        if own_range:
            values.update(own_range_of(FORMATS[values["format"]], values["levels"], values["axis"]))
        return self.with_choice(TensorChoice(**values))

    def with_note(self, tensor: str, text: str) -> "Recipe":
        """The recipe with a person's own words about a tensor, a float one too; "" takes them out."""
        return dataclasses.replace(self, notes={**self.notes, tensor: text})

    def with_names(self, names: Mapping[str, str]) -> "Recipe":
        """The recipe with what a target's tool calls these tensors; "" or the tensor's own name takes one out."""
        said = {tensor: "" if name == tensor else name for tensor, name in names.items()}
        return dataclasses.replace(self, names={**self.names, **said})

    def without(self, *tensors: str) -> "Recipe":
        """The recipe with these tensors left float; notes on them and their names stay."""
        kept = {name: choice for name, choice in self.choices.items() if name not in tensors}
        return self if len(kept) == len(self) else dataclasses.replace(self, choices=kept)

    def diff(self, other: "Recipe") -> tuple[Difference, ...]:
        """What changes from this recipe to the other, tensor by tensor, field by field."""
        differences = []
        for tensor in dict.fromkeys([*self, *other, *self.notes, *other.notes, *self.names, *other.names]):
            before = self.choices[tensor].to_json() if tensor in self else None
            after = other.choices[tensor].to_json() if tensor in other else None
            if (before is None) != (after is None):
                formats = (entry["format"] if entry else None for entry in (before, after))
                differences.append(Difference(tensor, "format", *formats))
            elif before is not None and after is not None:
                before, after = {**UNSAID, **before}, {**UNSAID, **after}
                changed = (k for k in before if before[k] != after[k])
                differences.extend(Difference(tensor, k, before[k], after[k]) for k in changed)
            for word, field_name in _WORDS.items():
                said = [getattr(recipe, field_name).get(tensor, "") for recipe in (self, other)]
                if said[0] != said[1]:
                    differences.append(Difference(tensor, word, *said))
        return tuple(differences)

    def table(self) -> list[dict[str, Any]]:
        """One record a tensor: name, format, method, range, scale, zero point, grouping."""
        return [{"tensor": name, **(self.entry(name) or {})} for name in self.choices]

    def entry(self, tensor: str) -> dict[str, Any] | None:
        """What JSON says of a tensor: its choice, its note and its name at the target; None for none of them."""
        choice = self.choices.get(tensor)
        said = {} if choice is None else choice.to_json()
        words = {word: getattr(self, field_name).get(tensor) for word, field_name in _WORDS.items()}
        return {**said, **{word: text for word, text in words.items() if text}} or None

    def with_entries(self, entries: Mapping[str, Any]) -> "Recipe":
        """The recipe with what JSON says of these tensors in place of what it says now, see `entry`.

        Raises WorkbenchError naming the tensor and the field that is wrong.
        """
        choices = dict(self.choices)
        words: dict[str, Any] = {field_name: dict(getattr(self, field_name)) for field_name in _WORDS.values()}
        for tensor, entry in entries.items():
            given = entry if isinstance(entry, Mapping) else {}
            for word, field_name in _WORDS.items():
                text = given.get(word, "")
                if not isinstance(text, str):
                    raise WorkbenchError(f"tensor {tensor!r}: field {word!r} is {text!r:.80}; expected a text")
                words[field_name][tensor] = text
            rest = {k: v for k, v in given.items() if k not in _WORDS} if isinstance(entry, Mapping) else entry
            if rest or (rest is not None and not any(map(given.get, _WORDS))):
                choices[tensor] = TensorChoice.from_json(tensor, rest)
            else:
                choices.pop(tensor, None)
        return dataclasses.replace(self, choices=choices, **words)

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "workbench_recipe": VERSION,
            "model": {"name": self.model_name, "sha256": self.model_sha256},
            "tensors": {name: self.entry(name) for name in dict.fromkeys([*self, *self.notes, *self.names])},
        }

    @classmethod
    def from_json(cls, document: Any) -> "Recipe":
        """The inverse of `to_json`; WorkbenchError naming the field that is wrong."""
        if not isinstance(document, dict) or "workbench_recipe" not in document:
            raise WorkbenchError("this is no recipe: the field 'workbench_recipe' is missing")
        if document["workbench_recipe"] != VERSION:
            raise WorkbenchError(
                f"recipe version {document['workbench_recipe']!r} is not known; this workbench reads version {VERSION}"
            )
        about, tensors = document.get("model"), document.get("tensors")
        if not isinstance(about, dict) or not all(isinstance(about.get(k), str) for k in ("name", "sha256")):
            raise WorkbenchError("field 'model' must hold the texts 'name' and 'sha256'")
        if not isinstance(tensors, dict):
            raise WorkbenchError("field 'tensors' must map tensor names to choices")
        return cls(about["name"], about["sha256"]).with_entries(tensors)

    def save(self, path: str | Path) -> Path:
        """Write the recipe as JSON: to a temporary file first, then moved into place. Returns the path."""
        return write_text(path, json.dumps(self.to_json(), indent=1, ensure_ascii=False) + "\n")

    @classmethod
    def load(cls, path: str | Path) -> "Recipe":
        """Read a saved recipe; WorkbenchError naming file and field where it is none."""
        try:
            return cls.from_json(read_json(path))
        except WorkbenchError as error:
            raise WorkbenchError(f"{path}: {error}") from None
