"""The blocks of code in the pages of the project, so that tests can run them and look them up in the tree."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"^```(python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
QUOTES = re.compile(r"`(\S+\.py)`:\s*$")


@dataclass(frozen=True)
class Block:
    """code: as printed. line: of the page, where it begins. quotes: the file that the line before it names, or "".

    runs: whether it is whole Python; a block marked as text is a part of a file.
    """

    page: str
    line: int
    code: str
    quotes: str
    runs: bool

    def run(self, namespace: dict[str, Any]) -> None:
        """Execute the code; an error names page and line, as if the page were the source file."""
        exec(compile("\n" * self.line + self.code, self.page, "exec"), namespace)


def blocks(page: str) -> list[Block]:
    """All blocks marked as Python or text of a page at the top level of the project."""
    text = (PROJECT / page).read_text(encoding="utf-8")
    found = []
    for match in BLOCK.finditer(text):
        before = text[: match.start()]
        named = QUOTES.search(before.rstrip())
        found.append(Block(page, before.count("\n") + 1, match[2], named[1] if named else "", match[1] == "python"))
    return found
