"""`make lab` serves the quick-start notebook on loopback, behind a token, on a free port."""

import contextlib
import re
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.browser.lab import PROJECT, Lab

QUICK_START = "notebooks/01_quickstart.ipynb"


@contextlib.contextmanager
def taken_port() -> Iterator[int]:
    """A port that something else listens on."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[tuple[Lab, int]]:
    """The Lab of `make lab` and the port it was asked to use, which was taken."""
    with taken_port() as port, Lab(PROJECT, tmp_path_factory.mktemp("jupyter"), f"--port={port}") as lab:
        yield lab, port


def test_another_port_is_found_when_the_first_is_taken(served):
    lab, port = served
    assert lab.port != port
    assert lab.ask("/api/status")[0] == 200


def test_the_address_with_its_token_is_printed(served):
    lab, _ = served
    assert f"http://127.0.0.1:{lab.port}/lab/tree/{QUICK_START}?token={lab.token}" in lab.log.read_text()
    assert len(lab.token) >= 32


def test_without_the_token_nothing_is_served(served):
    lab, _ = served
    assert lab.ask("/api/contents", token=False)[0] == 403
    assert lab.ask("/api/kernels", token=False, method="POST")[0] == 403
    assert lab.ask(f"/lab/tree/{QUICK_START}", token=False)[0] == 302  # to the login page


def test_with_the_token_the_quick_start_is_served(served):
    lab, _ = served
    status, page = lab.ask(f"/lab/tree/{QUICK_START}")
    assert status == 200 and "jupyter-config-data" in page
    status, notebook = lab.ask(f"/api/contents/{QUICK_START}")
    assert status == 200 and notebook["type"] == "notebook" and notebook["content"]["cells"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux answers on all of 127/8, which tells the two apart")
def test_it_listens_on_one_address_alone(served):
    lab, _ = served
    with socket.socket() as elsewhere:
        elsewhere.settimeout(5)
        assert elsewhere.connect_ex(("127.0.0.2", lab.port)) != 0


def test_the_token_is_not_in_the_list_of_processes(served):
    lab, _ = served
    if sys.platform == "linux":
        with open(f"/proc/{lab.process.pid}/cmdline") as command:
            assert lab.token not in command.read()


def test_a_missing_notebook_is_said_in_words():
    command = [sys.executable, str(PROJECT / ".ci" / "lab.py"), "notebooks/none.ipynb", "--no-browser"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert answer.returncode == 1
    assert "no notebook 'notebooks/none.ipynb'" in answer.stderr


def test_make_lab_runs_this_launcher():
    recipe = re.search(r"^lab:.*\n(\t.*\n)+", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    assert recipe and ".ci/lab.py $(NOTEBOOK) $(LAB_ARGS)" in recipe[0]
    assert f"NOTEBOOK ?= {QUICK_START}" in (PROJECT / "Makefile").read_text()
