"""`Target`: a kind of file a recipe can be exported to."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from workbench.messages import Notice
from workbench.models.model import Model
from workbench.workflow.comparison import OutputError
from workbench.workflow.data import Batches
from workbench.workflow.recipe import Recipe


@dataclass(frozen=True)
class SelfCheck:
    """What reading a written file back has shown; see `ExportReport` for the fields."""

    bit_equal: float | None = None
    simulated: OutputError | None = None
    deployed: OutputError | None = None
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True)
class Target:
    """One export target.

    name: the key in TARGETS. title: what menus show. suffix: usual ending of the file.
    refusals(model, recipe): sentences naming what this target cannot express; empty when it can express all.
    write(model, recipe, path): writes the file, returns remarks.
    check(model, recipe, path, batches): reads the file back; batches is None without data.
    """

    name: str
    title: str
    suffix: str
    refusals: Callable[[Model, Recipe], tuple[str, ...]]
    write: Callable[[Model, Recipe, Path], tuple[Notice, ...]]
    check: Callable[[Model, Recipe, Path, Batches | None], SelfCheck]
