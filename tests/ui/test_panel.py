"""What every panel promises, whichever thread it is told by."""

import threading

from workbench.ui.panel import Panel


class Slow(Panel):
    """Shows the target; while `meanwhile` is set, another thread chooses another one as it looks."""

    parts = ("target",)
    meanwhile = ""
    other = None

    def look(self, state):
        if self.meanwhile:
            chosen, self.meanwhile = self.meanwhile, ""
            self.other = threading.Thread(target=lambda: self.study.set_target(chosen))
            self.other.start()
            self.other.join(0.3)  # as far as it gets
        return {"target": state.target}


def test_the_newest_moment_stays_when_two_threads_look_at_once(study):
    panel = Slow(study)
    study.set_target("onnx_qdq")
    panel.meanwhile = "onnx_fp16"
    panel.refresh()
    panel.other.join(30)
    assert study.state.target == "onnx_fp16" and panel.view == {"target": "onnx_fp16"}
    panel.close()
