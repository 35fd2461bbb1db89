"""The child process of upgrading.py: a model on standard input, its conversion on standard output."""

import sys

import onnx
from onnx import version_converter


def main() -> int:
    """Convert to the opset in the first argument; 1 and one line on standard error where that fails."""
    model = onnx.load_model_from_string(sys.stdin.buffer.read())
    try:
        result = version_converter.convert_version(model, int(sys.argv[1]))
        onnx.checker.check_model(result)
    except Exception as error:  # the parent says it in its own words
        reason = " ".join(str(error).split()) or type(error).__name__
        print(reason[:300], file=sys.stderr)
        return 1
    sys.stdout.buffer.write(result.SerializeToString())
    return 0


if __name__ == "__main__":
    sys.exit(main())
