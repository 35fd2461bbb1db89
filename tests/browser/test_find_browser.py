"""The finder prints a path, or says in words what to do."""

import subprocess
import sys
from pathlib import Path

from tests.browser.find_browser import ADVICE

FINDER = Path(__file__).with_name("find_browser.py")


def found(monkeypatch, **environment: str) -> subprocess.CompletedProcess[str]:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return subprocess.run([sys.executable, str(FINDER)], capture_output=True, text=True)


def program(folder: Path, name: str) -> Path:
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_a_named_browser_wins(monkeypatch, tmp_path):
    mine, other = program(tmp_path, "mine"), program(tmp_path, "chromium")
    answer = found(monkeypatch, PATH=str(other.parent), WORKBENCH_BROWSER=str(mine))
    assert answer.stdout.strip() == str(mine)


def test_browsers_on_path_are_found_in_order(monkeypatch, tmp_path):
    program(tmp_path, "microsoft-edge")
    chrome = program(tmp_path, "google-chrome")
    assert found(monkeypatch, PATH=str(tmp_path), WORKBENCH_BROWSER="").stdout.strip() == str(chrome)


def test_a_named_browser_that_is_none_is_said(monkeypatch):
    answer = found(monkeypatch, WORKBENCH_BROWSER="/nowhere/browser")
    assert answer.returncode == 1 and answer.stdout == ""
    assert "WORKBENCH_BROWSER=/nowhere/browser is no program" in answer.stderr


def test_no_browser_is_said_with_the_next_step():
    assert "apt-get install chromium" in ADVICE and "WORKBENCH_BROWSER=" in ADVICE
