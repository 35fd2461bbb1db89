"""The network's figures at the left of the room, without a browser."""

import dataclasses
import math

import numpy as np
import pytest

from tests.ui.studies import images, two_outputs
from workbench.ui.panels.network import NetworkPanel, _divergence
from workbench.ui.study import Study
from workbench.ui.topics.effect import Network
from workbench.ui.words import without_dust
from workbench.ui.worker import Turn
from workbench.workflow.calibrate import calibrate
from workbench.workflow.choose import choose
from workbench.workflow.comparison import OutputError
from workbench.workflow.data import as_batches
from workbench.workflow.simulate import simulate

LABELS = np.arange(48) % 4


def opened(model, **options):
    study = Study(model, images(), **options)
    study.start()
    assert study.wait(60)
    return study, NetworkPanel(study)


@pytest.fixture
def panel(model):
    study, made = opened(model, labels=LABELS)
    yield made
    made.close()
    study.close()


def rows(panel):
    return {row["name"]: row for row in panel.view["rows"]}


def test_a_divergence_that_is_rounding_dust_reads_0():
    assert (without_dust(2.2e-17), without_dust(-2.2e-17), without_dust(1.1e-15)) == (0.0, 0.0, 1.1e-15)
    assert math.isnan(without_dust(math.nan))
    same = OutputError(60.0, 1.0, 2.2e-17, mse=0.0, agreement=1.0)
    assert _divergence(same).text == "0" and _divergence(dataclasses.replace(same, kl=2e-5)).text == "2.0e−5"
    assert _divergence(dataclasses.replace(same, kl=None)).text == "–"


def test_figures_are_those_of_simulate_with_their_uncertainty(panel, model):
    panel.study.set_format("conv1.weight", "int3", "network", same_kind=True)
    panel.study.wait(60)
    error = simulate(model, panel.study.recipe, images(), labels=LABELS).outputs["logits"]
    shown = rows(panel)
    assert shown["SQNR"]["value"] == error.sqnr_db and shown["SQNR"]["text"] == f"{error.sqnr_db:.1f}".replace("-", "−")
    assert shown["SQNR"]["spread"] == f"± {error.sqnr_error_db:.1f}" and shown["SQNR"]["unit"] == "dB"
    low, high = error.agreement_interval
    assert shown["same as float"]["text"] == f"{100 * error.agreement:.1f}"
    assert shown["same as float"]["spread"] == f"{100 * low:.1f}–{100 * high:.1f}"
    assert "share of samples for which both networks name the same class" in shown["same as float"]["meaning"]
    low, high = error.accuracy_interval
    accuracy = shown[f"accuracy (float {100 * error.float_accuracy:.1f})"]
    assert (accuracy["text"], accuracy["spread"]) == (
        f"{100 * error.accuracy:.1f}",
        f"{100 * low:.1f}–{100 * high:.1f}",
    )
    assert shown["KL of output"]["value"] == error.kl and shown["cosine"]["value"] == error.cosine
    assert shown["by last change"]["value"] < 0 and shown["by last change"]["text"].startswith("−")
    assert "in top 5" not in shown  # four classes
    assert (panel.view["n"], panel.view["of"], panel.view["updating"]) == (48, 48, False)


def test_rows_stay_while_figures_come_in(model):
    study = Study(model, images(), labels=LABELS, metric=lambda y, _: float(y.mean()))
    panel, seen = NetworkPanel(study), []
    first = [row["name"].split(" (")[0] for row in panel.view["rows"]]
    assert all(row["text"] == "–" for row in panel.view["rows"]) and "accuracy" in first
    panel.observe(lambda change: seen.append(change["new"]), "view")
    study.start()
    assert study.wait(60)
    assert {tuple(row["name"].split(" (")[0] for row in view["rows"]) for view in seen if view["n"]} == {
        ("SQNR", "same as float", "by last change", "accuracy", "own metric", "KL of output", "cosine")
    }
    assert seen[0]["n"] <= seen[-1]["n"] == 48
    panel.close()
    study.close()


def test_the_persons_own_metric(model):
    study, panel = opened(model, labels=LABELS, metric=lambda y, labels: float((y.argmax(1) == labels).mean()))
    first, second = study.comparison.outputs["logits"].metric
    assert rows(panel)["own metric"]["value"] == second and rows(panel)["own metric"]["spread"] == f"float {first:.3g}"
    panel.close()
    study.close()


def test_a_metric_that_fails_is_told_and_leaves_the_other_figures(model):
    def wants_more(values, labels):
        raise ValueError("needs 1,000 samples")

    study, panel = opened(model, metric=wants_more)
    assert "The metric 'wants_more' failed on 48 samples: ValueError: needs 1,000 samples" in study.status
    assert rows(panel)["own metric"]["text"] == "–" and panel.view["n"] == 48
    panel.close()
    study.close()


def test_a_metric_that_fails_on_few_samples_alone_is_no_trouble(model):
    def wants_more(values, labels):
        if len(values) < 40:
            raise ValueError("needs 40 samples")
        return 0.5

    study, panel = opened(model, metric=wants_more)
    assert study.status == "" and rows(panel)["own metric"]["text"] == "0.5"
    panel.close()
    study.close()


def test_figures_of_another_task(model):
    targets = images(48, 5)[:, 0, :1, :4].reshape(48, 4)
    study, panel = opened(model, labels=targets)
    study.set_task("regression")
    assert study.wait(60), study.status
    answers = simulate(model, study.recipe, images(), labels=targets, task="regression").answers
    shown = rows(panel)
    assert shown["agreement"]["value"] == answers.agreement and shown["agreement"]["meaning"] == answers.means
    assert shown["unchanged"]["spread"].count("–") == 1
    score = shown["root-mean-square error"]
    assert score["value"] == answers.score and score["spread"] == f"float {answers.float_score:.3g}"
    assert "the smaller the better" in score["meaning"]
    panel.close()
    study.close()


def test_an_output_that_names_no_class_shows_the_accuracy_in_percent_too(model, tmp_path):
    study, panel = opened(two_outputs(model, tmp_path), labels=LABELS)
    first = next(row for name, row in rows(panel).items() if name.startswith("accuracy"))
    panel.on_output({"output": "relu_out"})
    assert panel.view["output"] == "relu_out" and study.comparison.outputs["relu_out"].accuracy is None
    other = next(row for name, row in rows(panel).items() if name.startswith("accuracy"))
    assert [other[part] for part in ("name", "text", "unit")] == [first[part] for part in ("name", "text", "unit")]
    assert other["value"] == study.comparison.answers.score and "not of this output" in other["meaning"]
    panel.close()
    study.close()


def test_another_task_counts_anew_and_runs_nothing_again(model, monkeypatch):
    network, published = Network(model, as_batches(model, images())), []
    recipe = choose(model, calibrate(model, images()))
    turn = Turn(published.append, lambda: False, lambda *_: None)
    network.compare(recipe, turn)
    monkeypatch.setattr(type(model.chain), "run", lambda *_, **__: pytest.fail("it runs again"))
    network.compare(recipe, turn, "regression")
    assert [m.comparison.answers.task for m in published] == ["classes"] * (len(published) - 1) + ["regression"]
    assert published[-1].comparison.outputs == published[-2].comparison.outputs


def test_without_data(model):
    study = Study(model)
    panel = NetworkPanel(study)
    assert panel.view["n"] == 0 and not panel.view["has_data"] and panel.view["outputs"] == []
    panel.close()
    study.close()
