"""Open JupyterLab in the foreground on one notebook: loopback, token, a free port. `make lab` and the tests run this.

    python .ci/lab.py [NOTEBOOK] [--root FOLDER] [--port N] [--no-browser] [any other option of `jupyter lab`]

JupyterLab is started inside this process rather than as a command, so that the token never shows in the list of
processes. An option that is set here already (`--ServerApp.port`) cannot be given twice; use the ones named above.
"""

import argparse
import os
import secrets
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

PROJECT = Path(__file__).resolve().parents[1]
QUICK_START = "notebooks/01_quickstart.ipynb"
ANNOUNCEMENTS = "@jupyterlab/apputils-extension:announcements"


def parse(arguments: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Our own options, and the rest, which goes to JupyterLab as it is."""
    parser = argparse.ArgumentParser(prog="lab.py", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("notebook", nargs="?", default=QUICK_START, help="path below the folder that is served")
    parser.add_argument("--root", type=Path, default=PROJECT, help="folder that is served; default: the checkout")
    parser.add_argument("--port", type=int, default=8888, help="first port to try; the next free one is taken")
    parser.add_argument("--no-browser", action="store_true", help="print the address, open nothing")
    return parser.parse_known_args(arguments)


def has_display() -> bool:
    """Whether a browser opened from here could be seen."""
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def lab_arguments(options: argparse.Namespace, token: str) -> list[str]:
    """The options of `jupyter lab` that keep it on this machine."""
    arguments = [
        str(options.root / options.notebook),
        f"--ServerApp.root_dir={options.root}",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={options.port}",
        "--ServerApp.port_retries=50",
        # a token of ours, so that a person's own configuration can neither switch it off nor make it guessable
        f"--IdentityProvider.token={token}",
        # nothing is fetched: no news, no look for updates, no catalogue of extensions
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.handlers.announcements.NeverCheckForUpdate",
        "--LabApp.extension_manager=readonly",
    ]
    if options.no_browser or not has_display():
        arguments.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--allow-root")
    return arguments


def start(arguments: list[str], notebook: str, token: str) -> None:
    """Run JupyterLab until it is stopped; print the notebook's address once it listens.

    JupyterLab hides a token that it was given when it prints its own address, hence a line of ours.
    """
    os.environ.setdefault("JUPYTER_PREFER_ENV_PATH", "1")  # this environment's kernel, not one of the person's own
    from jupyterlab.labapp import LabApp  # after the environment variable, which it reads at import

    server: Any = LabApp.initialize_server(argv=arguments)

    def without_announcements(_handler: Any, page: dict[str, Any]) -> dict[str, Any]:
        # otherwise the first thing a newcomer sees is a question about news that are switched off anyway
        return page | {"disabledExtensions": [*page.get("disabledExtensions", []), ANNOUNCEMENTS]}

    def announce() -> None:
        print(f"\n    {server.connection_url}lab/tree/{quote(notebook)}?token={token}\n", flush=True)

    server.web_app.settings["page_config_hook"] = without_announcements
    server.io_loop.add_callback(announce)  # queued behind the binding of the port
    server.start()


def main() -> None:
    options, others = parse(sys.argv[1:])
    options.root = options.root.resolve()
    if not (options.root / options.notebook).is_file():
        sys.exit(f"no notebook {options.notebook!r} in {options.root}; name one, for example {QUICK_START}")
    token = secrets.token_hex(24)
    start([*lab_arguments(options, token), *others], options.notebook, token)


if __name__ == "__main__":
    main()
