"""The report: one page, the same bytes each time, in which whatever a model says is text."""

import dataclasses
import json
import math
from html.parser import HTMLParser

import numpy as np
import onnx
import pytest

from tests.real_networks import inputs, model_path, needs_assets
from tests.workflow.small_models import images, small_cnn
from workbench.messages import WorkbenchError
from workbench.workflow.acceptance import judge, paired_interval
from workbench.workflow.calibrate import calibrate
from workbench.workflow.choose import choose
from workbench.workflow.export.exporting import export
from workbench.workflow.export.html_report_pictures import Point, along_depth, bars, number
from workbench.workflow.opening import load
from workbench.workflow.recipe import Recipe
from workbench.workflow.simulate import simulate

VOID = {"meta", "br", "hr", "img", "input", "link"}
HOSTILE = ["<script>alert(1)</script>", "\"'><img src=x onerror=alert(1)>", "权重\n<b>&amp;", "\u202e]]>--></pre>\x07"]


class Page(HTMLParser):
    """An independent reading: tags with attributes, text by element, and whether elements nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags, self.open, self.words, self.headings, self.recipe = [], [], "", [], ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID and (tag, "/") not in self.open:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words += data
        if self.open and self.open[-1] in ("h1", "h2"):
            self.headings.append(data)
        if self.open and self.open[-1] == "pre":
            self.recipe += data

    def named(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def written(model, recipe, tmp_path, **given):
    report = export(model, recipe, tmp_path / "report.html", target="html_report", **given)
    return report, Page((tmp_path / "report.html").read_text(encoding="utf-8"))


def assert_inert(page):
    """Nothing is fetched, nothing is run."""
    assert not {"script", "link", "iframe", "img", "object", "embed", "form", "base"} & {tag for tag, _ in page.tags}
    for _tag, attrs in page.tags:
        assert not any(name.startswith("on") or name in ("src", "href", "xlink:href") for name in attrs)


def test_without_data_it_tells_of_the_weights(small, tmp_path):
    recipe = choose(small, None, activations=None)
    report, page = written(small, recipe, tmp_path)
    assert report.sqnr_db is None and report.bit_equal is None
    assert_inert(page)
    assert not page.open
    assert "is not measured here" in page.words and small.sha256 in page.words
    rows = [attrs["data-tensor"] for attrs in page.named("tr") if "data-tensor" in attrs]
    assert rows == ["image", "conv1.weight", "relu1_out", "conv2.weight", "flat_out", "fc.weight"]
    assert Recipe.from_json(json.loads(page.recipe)) == recipe


def test_with_data_it_has_the_figures_of_the_simulation(small, small_calibration, tmp_path):
    data, labels = images(40), np.arange(40) % 5
    recipe = choose(small, small_calibration).with_note("fc.weight", "kept <wide>")
    report, page = written(small, recipe, tmp_path, data=data, calibration=small_calibration, labels=labels)
    error = simulate(small, recipe, data, labels=labels).outputs["logits"]
    assert report.sqnr_db == error.sqnr_db
    for figure in (f"{error.sqnr_db:.2f} dB", f"{100 * error.agreement:.2f} %", f"{100 * error.accuracy:.2f} %"):
        assert figure in page.words
    assert "kept <wide>" in page.words and "counted on 64 samples" in page.words
    assert {"Error along the depth", "Worst tensors", "All tensors", "Recipe"} <= set(page.headings)
    assert all(attrs.get("aria-label") for attrs in page.named("svg")) and len(page.named("svg")) == 2 + 2 * 6
    assert all("scope" in attrs for attrs in page.named("th"))


def test_the_same_inputs_give_the_same_bytes(small, small_calibration, tmp_path):
    recipe, pages = choose(small, small_calibration), []
    for name in ("a.html", "b.html"):
        export(small, recipe, tmp_path / name, target="html_report", data=images(16), calibration=small_calibration)
        pages.append((tmp_path / name).read_bytes())
    assert pages[0] == pages[1]
    _, dated = written(small, recipe, tmp_path, date="<i>today")
    assert "<i>today" in dated.words


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """The small network with names that would do something in a careless page."""
    folder = tmp_path_factory.mktemp("hostile")
    proto = onnx.load(small_cnn(folder))
    names = dict(zip(["image", "conv1.weight", "relu1_out", "fc.weight"], HOSTILE, strict=True))
    for node in proto.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    for value in (*proto.graph.input, *proto.graph.initializer):
        value.name = names.get(value.name, value.name)
    onnx.save(proto, folder / "<b>net&amp;.onnx")
    return load(folder / "<b>net&amp;.onnx")


def test_hostile_names_are_text(hostile, tmp_path):
    data = images(8)
    calibration = calibrate(hostile, data)
    recipe = choose(hostile, calibration).with_note(HOSTILE[1], "</td><script>x</script>")
    _, page = written(hostile, recipe, tmp_path, data=data, calibration=calibration, worst=20)
    assert_inert(page)
    assert not page.open
    for text in (*HOSTILE[:3], "</td><script>x</script>", "<b>net&amp;", "\u202e]]>--></pre>\\x07"):
        assert text in page.words
    assert Recipe.from_json(json.loads(page.recipe)) == recipe
    policy = next(attrs for attrs in page.named("meta") if "http-equiv" in attrs)
    assert policy["content"].startswith("default-src 'none'")


@pytest.mark.parametrize(
    "format", ["fp16", "bf16", "nf4", "kmeans4", "binary", "ternary", "log2_4", "mxfp8_e4m3", "pruned", "uint4", "q8"]
)
def test_every_kind_of_format_can_be_told_of(small, small_calibration, tmp_path, format):
    recipe = choose(small, small_calibration, weights=format, activations=format)
    _, page = written(small, recipe, tmp_path, data=images(8), calibration=small_calibration)
    assert_inert(page)
    assert page.words.count(format) >= len(recipe)


@pytest.mark.parametrize("options", [{"worst": -1}, {"worst": "many"}, {"max_loss": 2}, {"comparison": "good"}])
def test_wrong_options_are_refused_and_nothing_is_kept(small, small_calibration, tmp_path, options):
    recipe = choose(small, small_calibration)
    with pytest.raises(WorkbenchError):
        export(small, recipe, tmp_path / "r.html", target="html_report", data=images(8), **options)
    assert not list(tmp_path.iterdir())


def test_a_comparison_that_is_at_hand_is_not_measured_again(small, small_calibration, tmp_path):
    recipe = choose(small, small_calibration)
    measured = simulate(small, recipe, images(8))
    outputs = {"logits": dataclasses.replace(measured.outputs["logits"], sqnr_db=12.345)}
    _, page = written(small, recipe, tmp_path, comparison=dataclasses.replace(measured, outputs=outputs))
    assert "12.35 dB" in page.words or "12.34 dB" in page.words


def test_judging(small, small_calibration, coarse):
    few, many = simulate(small, coarse, images(8)), simulate(small, coarse, images(400))
    lost = 1 - many.outputs["logits"].agreement
    assert 0.02 < lost < 0.98
    assert [a.verdict for a in judge(many, max_loss=lost / 3)] == ["missed"]
    assert [a.verdict for a in judge(many, max_loss=min(1.0, lost * 2), min_sqnr_db=-20)] == ["met", "met"]
    near = judge(few, max_loss=1 - few.outputs["logits"].agreement)[0]
    assert near.verdict == "not enough samples" and near.measured_ok
    with pytest.raises(WorkbenchError, match="no share"):
        judge(few, max_loss=1.5)


def test_the_interval_of_paired_answers_covers_the_loss():
    """Of many draws with a known loss, about 95 % have it inside."""
    rng = np.random.default_rng(0)
    lost, gained, n = 0.03, 0.01, 400
    inside = 0
    for counts in rng.multinomial(n, [lost, gained, 1 - lost - gained], 2000):
        low, high = paired_interval((counts[0] - counts[1]) / n, (counts[0] + counts[1]) / n, n)
        inside += low <= lost - gained <= high
    assert 0.93 < inside / 2000 < 0.98


def test_pictures_leave_out_what_is_not_known():
    points = [Point("a", 10.0, "weight"), Point("b", None), Point("c", math.inf), Point("d", 20.0, "activation")]
    assert along_depth(points, "x").count("<circle") == 2 == bars(points, "x").count("<title>")
    assert along_depth([Point("a", None)], "x") == ""
    assert number(-0.0) == "0" and number(-1.5) == "−1.5"


@needs_assets
def test_a_real_network(tmp_path):
    model = load(model_path("cifar10_resnet20"))
    data, labels = inputs("cifar10_resnet20", "calib")
    calibration = calibrate(model, data[:64])
    recipe = choose(model, calibration)
    report, page = written(model, recipe, tmp_path, data=data[64:192], calibration=calibration, labels=labels[64:192])
    assert report.sqnr_db > 25
    assert_inert(page)
    assert "Acceptance" in page.words and "21 BatchNormalization" in page.words
    assert len([1 for attrs in page.named("tr") if "data-tensor" in attrs]) == len(recipe)
