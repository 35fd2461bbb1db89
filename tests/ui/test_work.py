"""The list of background work: what runs is seen, stopped and resumed."""

import threading

import pytest

from workbench.messages import WorkbenchError
from workbench.models.segments import Cancelled
from workbench.ui.core import BETWEEN_REPORTS
from workbench.ui.panels.work import WorkPanel
from workbench.ui.worker import Request


def test_long_work_is_stopped_and_resumed(study):
    panel = WorkPanel(study)
    gate, started = threading.Event(), threading.Event()

    def long(turn):
        gate.wait(2 * BETWEEN_REPORTS)
        turn.report(1, 2, "half of it")
        started.set()
        while not gate.wait(0.01):
            if turn.cancelled():
                raise Cancelled

    study.worker.submit(Request("long", long, "long work"))
    assert started.wait(10)
    study.outbox.drain()
    row = {"topic": "long", "what": "Long work", "condition": "runs", "share": 0.5, "words": "half of it"}
    assert panel.view["rows"] == [row]
    panel._hear(panel, {"kind": "stop", "topic": "long"}, [])
    assert study.wait(10)
    assert [each["condition"] for each in panel.view["rows"]] == ["stopped"]
    gate.set()
    panel._hear(panel, {"kind": "resume", "topic": "long"}, [])
    assert study.wait(10)
    assert panel.view["rows"] == []
    panel.close()


def test_what_does_not_run_is_not_stopped(study):
    with pytest.raises(WorkbenchError, match="'calibration' runs or waits"):
        study.stop("calibration")
    with pytest.raises(WorkbenchError, match="'calibration' was stopped"):
        study.resume("calibration")


def test_trouble_is_told(study):
    panel = WorkPanel(study)
    study.in_background("reading a file", lambda: (_ for _ in ()).throw(WorkbenchError("there is no such file")))
    assert study.wait(10)
    assert panel.view["trouble"] == ["Reading a file stopped. there is no such file"]
    panel.close()


def test_a_quiet_job_around_a_named_one_does_not_keep_its_name(study):
    begun, inside, looked, seen = threading.Event(), threading.Event(), threading.Event(), []

    def quiet(turn):
        begun.set()
        inside.wait(10)
        turn.cancelled()  # runs the urgent one in between
        seen.append(study.state.running)
        looked.set()

    study.worker.submit(Request("around", quiet, "", urgency=9, idle=True))
    assert begun.wait(10)
    study.worker.submit(Request("named", lambda turn: seen.append(study.state.running), "named work", urgency=1))
    inside.set()
    assert looked.wait(10)
    assert [work and work.what for work in seen] == ["named work", None]
    assert study.worker.wait(10, idle=True) and study.state.work == ()
