"""`own_target`: an export target of a user's own, from one function."""

from collections.abc import Callable
from pathlib import Path

from workbench.messages import Notice, WorkbenchError
from workbench.models.model import Model
from workbench.workflow.export.recipe_file import no_refusal
from workbench.workflow.export.target import Order, Refusal, SelfCheck, Target, any_name
from workbench.workflow.recipe import Recipe


def own_target(
    name: str,
    function: Callable[[Model, Recipe], str | bytes],
    *,
    suffix: str = ".txt",
    title: str | None = None,
    refusal: Refusal = no_refusal,
    name_refusal: Callable[[str], str | None] = any_name,
) -> Target:
    """A target whose file holds what `function(model, recipe)` returns; register it with `wb.TARGETS.register(target)`.

    name: the key in TARGETS. function: gives the whole file, text (written as UTF-8) or bytes. suffix: usual ending of
    the file. title: what menus show; None: the name. refusal(choice, is_weight=...): why a tensor cannot be expressed,
    None where it can. name_refusal(name): the same for its name.
    The function is not told of `names=`; a notice says so where they are given.
    While exporting, WorkbenchError for a function that raises or returns anything else; no file is left behind then.
    """

    def write(order: Order, path: Path) -> tuple[Notice, ...]:
        try:
            content = function(order.model, order.recipe)
            content = content.encode("utf-8") if isinstance(content, str) else content
        except Exception as error:  # whatever a user's function raises is said, and nothing is written
            raise WorkbenchError(f"target {name}: its function failed: {type(error).__name__}: {error}") from error
        if not isinstance(content, bytes):
            raise WorkbenchError(f"target {name}: its function gave {type(content).__name__}; expected str or bytes")
        path.write_bytes(content)
        return (Notice("names", f"Target {name} is your own: names= was not used."),) if order.names else ()

    def check(order: Order, path: Path) -> SelfCheck:
        return SelfCheck(notices=(Notice("check", f"Target {name} is your own: its file was not read back."),))

    return Target(
        name=name,
        title=title or name,
        runs_on="your own",
        suffix=suffix,
        refusal=refusal,
        write=write,
        check=check,
        kind="ranges",
        name_refusal=name_refusal,
    )
