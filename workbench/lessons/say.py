"""Sentences printed so that lines end between words; a notebook would break them within one."""

import textwrap
from typing import Any

WIDTH = 110  # characters; what fits beside a notebook's prompt in a window of middle size


def say(*sentences: Any) -> None:
    """Print each, and each line of it, as one or several lines of at most WIDTH characters."""
    for sentence in sentences:
        for line in str(sentence).split("\n"):
            print(textwrap.fill(line, WIDTH, break_long_words=False, break_on_hyphens=False))
