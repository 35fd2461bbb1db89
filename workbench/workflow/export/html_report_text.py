"""`said`, `named`: words of a model or a person as text of a page."""

import re
from html import escape

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufeff]")


def said(words: str) -> str:
    """Any text, as text, also inside an attribute; control characters as their numbers."""
    return escape(_CONTROLS.sub(lambda found: f"\\x{ord(found[0]):02x}", words))


def named(name: str) -> str:
    """A name from a model: its direction of writing changes nothing around it."""
    return f'<bdi class="name">{said(name)}</bdi>'
