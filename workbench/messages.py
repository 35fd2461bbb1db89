"""What the workbench says to a person: refusals (`WorkbenchError`) and remarks (`Notice`)."""

from dataclasses import dataclass


class WorkbenchError(ValueError):
    """A request that cannot be met; its text names what came, what was expected and the next step."""


@dataclass(frozen=True)
class Notice:
    """A remark that is no error: something was changed, estimated or left out. `str()` is the sentence.

    topic: one lower-case word that groups notices of a kind ("input", "fold", "range", ...).
    sentence: plain words, complete, naming the file, tensor or field.
    """

    topic: str
    sentence: str

    def __str__(self) -> str:
        return self.sentence
