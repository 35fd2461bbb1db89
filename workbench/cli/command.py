"""`Command`: one word of the command line; `Result`: what it has to say."""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

FINE, MISSED, WRONG, INTERRUPTED = 0, 1, 2, 130


@dataclass(frozen=True)
class Result:
    """What a command found out. words: for people, lines. facts: for machines. ok: False where a target was missed."""

    words: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    ok: bool = True


@dataclass(frozen=True)
class Command:
    """name, help: what the parser shows. arguments(parser): adds the command's own. run(arguments): does it.

    run raises WorkbenchError where the request cannot be met.
    """

    name: str
    help: str
    arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], Result]
