"""`main`: the arguments of a call become a command, its result words or JSON, its end an exit code."""

import argparse
import contextlib
import json
import math
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from workbench.cli import apply, check, convert, diff, equalize, quantize, report
from workbench.cli.command import FINE, INTERRUPTED, MISSED, WRONG, Command, Result
from workbench.messages import WorkbenchError

COMMANDS: tuple[Command, ...] = (
    convert.CONVERT,
    quantize.QUANTIZE,
    equalize.EQUALIZE,
    apply.APPLY,
    check.CHECK,
    diff.DIFF,
    report.REPORT,
)
_ENDS = "exit code: 0 fine, 1 a target was missed or a check failed, 2 wrong usage or input, 130 interrupted"


def parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    about = "Quantize, prove and compare neural networks in ONNX files."
    top = argparse.ArgumentParser(prog="workbench", description=about, epilog=_ENDS, allow_abbrev=False)
    commands = top.add_subparsers(dest="command", required=True, metavar="command")
    for command in COMMANDS:
        own = commands.add_parser(
            command.name, help=command.help, description=command.help, epilog=_ENDS, allow_abbrev=False
        )
        command.arguments(own)
        own.add_argument("--json", action="store_true", help="print the result as one JSON object")
        own.set_defaults(run=command.run)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code. argv: without the program's name; None: those of the process."""
    try:
        arguments = parser().parse_args(argv)
    except SystemExit as end:  # argparse has said what is wrong, or has shown its help
        return end.code if isinstance(end.code, int) else WRONG
    try:
        result = arguments.run(arguments)
        _say(arguments, result, FINE if result.ok else MISSED)
        return FINE if result.ok else MISSED
    except WorkbenchError as error:
        return _refuse(arguments, str(error))
    except BrokenPipeError:  # who read the words has seen enough
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FINE
    except OSError as error:
        return _refuse(arguments, f"{error.filename or 'a file'}: {error.strerror or error}")
    except KeyboardInterrupt:
        print("interrupted; no file was left half written", file=sys.stderr)
        return INTERRUPTED


def _say(arguments: argparse.Namespace, result: Result, code: int) -> None:
    if arguments.json:
        print(json.dumps({"command": arguments.command, "exit_code": code, **plain(result.facts)}, allow_nan=False))
    elif result.words:
        print(result.words)
    sys.stdout.flush()


def _refuse(arguments: argparse.Namespace, words: str) -> int:
    if arguments.json:
        print(json.dumps({"command": arguments.command, "exit_code": WRONG, "error": words}))
    print(f"workbench {arguments.command}: {words}", file=sys.stderr)
    return WRONG


def plain(value: Any) -> Any:
    """Values that JSON can hold: infinite and missing numbers become words."""
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, tuple | list):
        return [plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if isinstance(value, str | int | float | bool | None) else str(value)
