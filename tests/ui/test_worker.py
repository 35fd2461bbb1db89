"""The worker: one job at a time, the newest of a topic, the most urgent first, no error lost."""

import subprocess
import sys
import threading

import pytest

from workbench.models.segments import Cancelled
from workbench.ui.state import running
from workbench.ui.worker import Request, Work, Worker


class Listener:
    def __init__(self):
        self.values, self.errors, self.running = [], [], []
        self.worker = Worker(
            lambda generation, value: self.values.append((generation.topic, value)),
            lambda job, error: self.errors.append((job.generation.topic, error)),
            lambda: self.running.append(running(self.worker.work())),
        )

    def submit(self, topic, compute, urgency=5, what="working", idle=False):
        return self.worker.submit(Request(topic, compute, what, urgency, idle))


@pytest.fixture
def listener():
    made = Listener()
    yield made
    made.worker.close()


def held_back(gate):
    def compute(turn):
        gate.wait(10)
        return "first"

    return compute


def test_values_come_from_another_thread_one_at_a_time(listener):
    now, at_once, threads = [], [], []

    def compute(i):
        now.append(i)
        at_once.append(len(now))
        threads.append(threading.current_thread())
        now.remove(i)
        return i

    for i in range(20):
        listener.submit(f"topic {i}", lambda turn, i=i: compute(i))
    assert listener.worker.wait(10)
    assert sorted(value for _, value in listener.values) == list(range(20))
    assert set(at_once) == {1} and threading.main_thread() not in threads
    assert not listener.worker.busy and not listener.worker.inside


def test_the_newest_of_a_topic_wins(listener):
    gate = threading.Event()
    listener.submit("busy", held_back(gate))
    generations = [listener.submit("figure", lambda turn, i=i: i) for i in range(5)]
    gate.set()
    assert listener.worker.wait(10)
    assert [value for topic, value in listener.values if topic == "figure"] == [4]
    assert [listener.worker.is_current(g) for g in generations] == [False] * 4 + [True]


def test_a_newer_request_makes_the_running_one_give_up(listener):
    started = threading.Event()

    def long(turn):
        started.set()
        while not turn.cancelled():
            pass
        raise Cancelled

    listener.submit("figure", long)
    started.wait(10)
    listener.submit("figure", lambda turn: "new")
    assert listener.worker.wait(10)
    assert listener.values == [("figure", "new")] and not listener.errors


def test_urgent_work_runs_inside_long_work(listener):
    order, started, asked = [], threading.Event(), threading.Event()

    def long(turn):
        started.set()
        asked.wait(10)
        assert not turn.cancelled()
        order.append("long")
        return "long"

    listener.submit("calibration", long, urgency=9)
    started.wait(10)
    listener.submit("details", lambda turn: order.append("urgent"), urgency=1)
    listener.submit("later", lambda turn: order.append("later"), urgency=9)
    asked.set()
    assert listener.worker.wait(10)
    assert order == ["urgent", "long", "later"]


def test_partial_values_and_progress(listener):
    def compute(turn):
        for i in range(3):
            turn.report(i + 1, 3, "two of three" if i == 1 else "")
            turn.publish(i)

    listener.submit("calibration", compute)
    assert listener.worker.wait(10)
    assert [value for _, value in listener.values] == [0, 1, 2]
    assert [doing.share for doing in listener.running[:-1]] == [None, 1 / 3, 2 / 3, 1.0]
    assert [doing.words for doing in listener.running[:-1]] == ["", "", "two of three", ""]
    assert listener.running[-1] is None


def test_nobody_waits_for_work_ahead_of_time(listener):
    gate, started = threading.Event(), threading.Event()

    def ahead(turn):
        started.set()
        while not gate.is_set():
            if turn.cancelled():
                raise Cancelled
        return "ahead"

    listener.submit("curves", ahead, urgency=9, idle=True)
    started.wait(10)
    assert listener.worker.wait(10) and listener.worker.busy
    listener.submit("figure", lambda turn: "urgent")
    assert listener.worker.wait(10) and listener.values == [("figure", "urgent")]
    assert not listener.worker.wait(0.05, idle=True)
    gate.set()
    assert listener.worker.wait(10, idle=True)
    assert listener.values == [("figure", "urgent"), ("curves", "ahead")] and not listener.worker.busy


def test_before_work_ahead_of_time_nothing_is_said_to_run(listener):
    gate, finished = threading.Event(), threading.Event()

    def urgent(turn):
        listener.submit("curves", lambda turn: gate.wait(10), what="", idle=True)
        finished.set()

    listener.submit("figure", urgent)
    assert finished.wait(10) and listener.worker.wait(10)
    assert listener.running[1] is None  # before the work ahead of time began
    gate.set()
    assert listener.worker.wait(10, idle=True)


def test_an_error_is_told_and_the_thread_lives_on(listener):
    listener.submit("figure", lambda turn: 1 / 0)
    assert listener.worker.wait(10)
    listener.submit("figure", lambda turn: "well")
    assert listener.worker.wait(10)
    assert [type(error) for _, error in listener.errors] == [ZeroDivisionError]
    assert listener.values == [("figure", "well")]


def test_wait_gives_up_and_close_stops(listener):
    gate = threading.Event()
    listener.submit("busy", held_back(gate))
    assert not listener.worker.wait(0.05)
    listener.submit("never", lambda turn: "never")
    listener.worker.close()
    gate.set()
    assert listener.worker.wait(10)
    listener.submit("after", lambda turn: "after")
    assert "never" not in dict(listener.values) and "after" not in dict(listener.values)


def test_work_is_listed_stopped_and_resumed(listener):
    gate, started, told = threading.Event(), threading.Event(), []

    def long(turn):
        turn.report(1, 4, "a quarter")
        started.set()
        while not turn.cancelled():
            if gate.wait(0.01):
                return "done"
        raise Cancelled

    listener.submit("long", long, what="long work")
    started.wait(10)
    listener.submit("late", lambda turn: "late", urgency=9, what="late work")
    listener.submit("quiet", lambda turn: None, urgency=9, what="")
    told = listener.worker.work()
    assert told == (Work("long", "long work", "runs", 0.25, "a quarter"), Work("late", "late work", "waits"))
    assert listener.worker.stop("long") and not listener.worker.stop("nothing")
    assert listener.worker.wait(10)
    assert listener.values == [("late", "late")] and not listener.errors
    assert listener.worker.work() == (Work("long", "long work", "stopped"),)
    gate.set()
    assert listener.worker.resume("long") and not listener.worker.resume("long")
    assert listener.worker.wait(10)
    assert listener.values[-1] == ("long", "done") and listener.worker.work() == ()


def test_a_newer_request_takes_the_place_of_a_stopped_one(listener):
    gate = threading.Event()
    listener.submit("busy", held_back(gate))
    listener.submit("figure", lambda turn: 1)
    assert listener.worker.stop("figure")
    listener.submit("figure", lambda turn: 2)
    gate.set()
    assert listener.worker.wait(10)
    assert ("figure", 2) in listener.values and ("figure", 1) not in listener.values
    assert not listener.worker.resume("figure")


def test_a_script_ends_although_work_is_left():
    """Idle work of a large network must not keep a plain script for minutes."""
    script = """
import threading, time
from workbench.ui.worker import Request, Worker
begun = threading.Event()
def patient(turn):
    begun.set()
    while not turn.cancelled():
        time.sleep(0.01)
worker = Worker(lambda *_: None, lambda *_: None, lambda: None)
worker.submit(Request("for ever", patient, idle=True))
assert begun.wait(30)
print("said")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "said\n", "")


def test_the_thread_ends_with_the_work_and_another_begins(listener):
    for value in ("one", "two"):
        listener.submit(value, lambda turn, value=value: (value, threading.current_thread()))
        assert listener.worker.wait(10)
        thread = listener.values[-1][1][1]
        thread.join(10)
        assert not thread.is_alive()
    assert [found[0] for _, found in listener.values] == ["one", "two"]


def test_who_fails_when_told_keeps_nobody_waiting(caplog):
    told = []

    def publish(generation, value):
        told.append(value)
        if value == "bad":
            raise KeyError("an observer's mistake")

    worker = Worker(publish, lambda *_: None, lambda: None)
    for value in ("bad", "good"):
        worker.submit(Request(value, lambda turn, value=value: value))
    assert worker.wait(10) and told == ["bad", "good"]
    assert "telling of the work on 'bad' failed" in caplog.text
    worker.close()
