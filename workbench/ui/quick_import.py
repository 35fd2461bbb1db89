"""Makes the first import of plotly several seconds shorter."""

import importlib
import sys


def import_jsonschema_without_grammars() -> None:
    """Import jsonschema, which plotly asks for by way of nbformat, without its check of internationalised addresses.

    That check builds a parser from a grammar while it is imported, which takes two to four seconds and which nothing
    in a notebook uses. jsonschema leaves the check out where its package is missing, so it is made to look so for the
    moment of the import.
    """
    name = "rfc3987_syntax"
    if "jsonschema" in sys.modules or name in sys.modules:
        return
    sys.modules[name] = None  # type: ignore[assignment]  # what the import system takes for "not there"
    try:
        importlib.import_module("jsonschema")
    except ImportError:
        pass  # then plotly does without it too
    finally:
        del sys.modules[name]
