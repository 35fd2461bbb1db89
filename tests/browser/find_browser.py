"""Find a Chromium-like browser for the tests, and print its path.

python tests/browser/find_browser.py [--install]

Looked for, in this order: WORKBENCH_BROWSER, a browser on PATH, the usual places of macOS and Windows, playwright's own
download. With --install, playwright's download is fetched, or else the Debian package where that is allowed.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

COMMANDS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge")
USUAL_PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
ADVICE = """no browser for the tests was found.
Install Chromium, Chrome or Edge (on Debian: apt-get install chromium), or name one: WORKBENCH_BROWSER=/path/to/it"""


def find_browser() -> str | None:
    """Path of a browser that is here already, or None."""
    named = os.environ.get("WORKBENCH_BROWSER")
    if named:
        return shutil.which(named)
    return on_this_machine() or of_playwright()


def on_this_machine() -> str | None:
    """A browser that a person installed."""
    found = (shutil.which(place) for place in (*COMMANDS, *USUAL_PLACES))
    return next((path for path in found if path), None)


def of_playwright() -> str | None:
    """The Chromium that `playwright install` downloaded. Asked in a process of its own: playwright keeps a loop."""
    ask = "from playwright.sync_api import sync_playwright as s\nwith s() as p: print(p.chromium.executable_path)"
    answer = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True)
    path = answer.stdout.strip()
    return path if answer.returncode == 0 and Path(path).is_file() else None


def install() -> str | None:
    """Fetch a browser: playwright's, else the Debian package when we are root on such a system."""
    say("no browser found; fetching playwright's Chromium")
    if run(sys.executable, "-m", "playwright", "install", "chromium"):
        path = of_playwright()
        if path and run(path, "--version"):  # downloaded is not started: system libraries may be missing
            return path
    if shutil.which("apt-get") and os.geteuid() == 0:
        say("installing the Debian package chromium")
        os.environ["DEBIAN_FRONTEND"] = "noninteractive"
        if run("apt-get", "update") and run("apt-get", "install", "--yes", "--no-install-recommends", "chromium"):
            return on_this_machine()
    return None


def run(*command: str) -> bool:
    """Whether the command succeeded; what it prints goes to stderr, stdout is for the path alone."""
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sys.stderr).returncode == 0


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    named = os.environ.get("WORKBENCH_BROWSER")
    path = find_browser()
    if path is None and named:
        sys.exit(f"WORKBENCH_BROWSER={named} is no program; name a browser that exists or leave it out")
    if path is None and "--install" in sys.argv[1:]:
        path = install()
    if path is None:
        sys.exit(ADVICE)
    print(path)


if __name__ == "__main__":
    main()
