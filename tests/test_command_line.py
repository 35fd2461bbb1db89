"""The command line: files in, files out, words or JSON, and exit codes that a build machine can go by."""

import argparse
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

from tests.real_networks import inputs, model_path, needs_assets
from tests.workflow.small_models import constant, images, saved, small_cnn
from workbench import demo
from workbench.cli.choosing import n_bytes
from workbench.cli.data import read_given
from workbench.cli.main import COMMANDS, main, parser, plain
from workbench.workflow.opening import load
from workbench.workflow.recipe import Recipe

PROJECT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A network, samples, labels (its own answers), and a recipe with what it was exported to."""
    folder = tmp_path_factory.mktemp("line")
    net = small_cnn(folder, name="net.onnx")
    np.save(folder / "x.npy", images(64))
    model = load(net)
    logits = model.chain.run({"image": images(64)})["logits"]
    np.save(folder / "y.npy", logits.argmax(axis=1))
    call = ["quantize", str(net), "--data", str(folder / "x.npy"), "-o", str(folder / "q.onnx")]
    assert main(call) == 0
    return folder


def run(capsys, *argv):
    """(exit code, result of --json, what was said on stderr)."""
    code = main([*map(str, argv), "--json"])
    said = capsys.readouterr()
    return code, json.loads(said.out), said.err


def test_convert_to_float16(files, tmp_path, capsys):
    code, result, _ = run(capsys, "convert", files / "net.onnx", "--to", "fp16", "-o", tmp_path / "half.onnx")
    assert code == 0 and result["target"] == "onnx_fp16" and result["files"] == [str(tmp_path / "half.onnx")]
    half = onnx.load(tmp_path / "half.onnx")
    assert half.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    assert {t.data_type for t in half.graph.initializer if t.name.endswith("weight")} == {onnx.TensorProto.FLOAT16}
    call = ["convert", files / "net.onnx", "--to", "fp16", "-o", tmp_path / "io.onnx", "--no-keep-io"]
    assert run(capsys, *call, "--keep-float", "Gemm")[0] == 0
    full = onnx.load(tmp_path / "io.onnx")
    assert full.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.FLOAT16


def test_convert_weights_alone(files, tmp_path, capsys):
    call = ["convert", files / "net.onnx", "--to", "int8", "-o", tmp_path / "w.onnx", "--data", files / "x.npy"]
    code, result, _ = run(capsys, *call)
    assert code == 0 and result["target"] == "onnx_qdq" and result["bit_equal"] == 1.0
    kinds = [node.op_type for node in onnx.load(tmp_path / "w.onnx").graph.node]
    assert "DequantizeLinear" in kinds and "QuantizeLinear" not in kinds


def test_quantize_saves_the_recipe_beside_and_apply_writes_the_same(files, tmp_path, capsys):
    recipe = files / "q.recipe.json"
    assert len(Recipe.load(recipe)) == 6
    call = ["apply", recipe, files / "net.onnx", "--data", files / "x.npy", "--target", "onnx_qdq"]
    code, result, _ = run(capsys, *call, "-o", tmp_path / "again.onnx")
    assert code == 0 and result["bit_equal"] == 1.0
    assert (tmp_path / "again.onnx").read_bytes() == (files / "q.onnx").read_bytes()


def test_several_formats_share_a_budget_or_a_wish(files, tmp_path, capsys):
    call = ["quantize", files / "net.onnx", "--data", files / "x.npy", "--weights", "int4,int8"]
    written = ["--target", "recipe", "-o", tmp_path / "q.recipe.json"]
    formats = {}
    for wish in (("--budget", "1 MB"), ("--budget", "0.1kB"), ("--min-sqnr", "5")):
        code, _, said = run(capsys, *call, *wish, *written)
        if wish[1] == "0.1kB":
            assert code == 2 and said.startswith("workbench quantize: --budget 100: the smallest mix takes"), said
            continue
        recipe = Recipe.load(tmp_path / "q.recipe.json")
        formats[wish] = {name: choice.format for name, choice in recipe.items() if name.endswith("weight")}
        assert code == 0 and len(recipe) == 6
    large, small = formats.values()
    assert set(large.values()) == {"int8"} and "int4" in small.values()


@pytest.mark.parametrize(
    ("text", "expected"),
    [("200000", 200_000), ("1e3", 1000), ("2.5E+2", 250), ("200kB", 200_000), ("0.2 MB", 200_000), (" 1 gb ", 10**9),
     ("200KiB", 204_800), ("1.5MiB", 3 << 19), (".5 GiB", 1 << 29), ("9B", 9), ("1e1kb", 10_000)],
)  # fmt: skip
def test_numbers_of_bytes(text, expected):
    assert n_bytes(text) == expected


@pytest.mark.parametrize("text", ["", "kB", "1ib", "-1", "1e", "nan", "inf", "1e999", "1.2.3", "1 kB 2", "0x10"])
def test_what_is_no_number_of_bytes(text):
    with pytest.raises(argparse.ArgumentTypeError, match="is no number of bytes; expected such as 200000"):
        n_bytes(text)


def test_a_list_of_one_format_is_that_format(files, tmp_path, capsys):
    call = ["quantize", files / "net.onnx", "--data", files / "x.npy", "-o", tmp_path / "q.onnx"]
    code, _, said = run(capsys, *call, "--weights", " int8, ")
    assert code == 0, said
    assert (tmp_path / "q.onnx").read_bytes() == (files / "q.onnx").read_bytes()


def test_equalize_writes_the_same_network(tmp_path, capsys):
    net, out = demo.model(hard=True), tmp_path / "equal.onnx"
    np.save(tmp_path / "x.npy", demo.data()[1][:32])
    data = ["--data", tmp_path / "x.npy"]
    code, result, _ = run(capsys, "equalize", net.path, *data, "-o", out, "--power-of-two")
    assert code == 0 and result["files"] == [str(out)] and result["outputs"]["bit_equal"] == 1.0
    assert len(result["pairs"]) == 4 and len(load(out).layers) == len(net.layers)
    code, _, said = run(capsys, "equalize", net.path, "-o", tmp_path / "no.onnx", "--clip-as-relu")
    assert code == 2 and "needs data" in said and not (tmp_path / "no.onnx").exists()


def test_a_recipe_as_the_target_is_written_where_it_was_asked_for(files, tmp_path, capsys):
    call = ["quantize", files / "net.onnx", "--data", files / "x.npy", "--target", "recipe"]
    code, result, _ = run(capsys, *call, "-o", tmp_path / "q.recipe.json")
    assert code == 0 and result["files"] == [result["recipe"]] == [str(tmp_path / "q.recipe.json")]
    assert [path.name for path in tmp_path.iterdir()] == ["q.recipe.json"]
    assert Recipe.load(tmp_path / "q.recipe.json") == Recipe.load(files / "q.recipe.json")
    code, result, _ = run(capsys, *call, "-o", tmp_path / "a.json", "--recipe", tmp_path / "b.json")
    assert code == 0 and (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_labels_are_read_and_checked_whatever_is_asked_for(files, tmp_path, capsys):
    (tmp_path / "few.txt").write_text("1 2 3", encoding="utf-8")
    np.save(tmp_path / "many.npy", np.zeros(65, np.int64))
    np.save(tmp_path / "one.npy", np.zeros((), np.int64))
    out = tmp_path / "out"
    calls = [
        ["quantize", files / "net.onnx", "-o", out],
        ["apply", files / "q.recipe.json", files / "net.onnx", "-o", out],
        ["report", files / "q.recipe.json", files / "net.onnx", "-o", out],
        ["convert", files / "net.onnx", "--to", "fp16", "-o", out],
    ]
    for labels, n in (("few.txt", 3), ("many.npy", 65), ("one.npy", 0)):
        for call in calls:
            code, _, said = run(capsys, *call, "--data", files / "x.npy", "--labels", tmp_path / labels)
            assert code == 2 and f"{labels}: {n} labels for 64 samples; give one label a sample" in said
            assert not out.exists()
    limited = [*calls[-1], "--data", files / "x.npy", "--limit", 3]
    assert run(capsys, *limited, "--labels", tmp_path / "many.npy")[0] == 0  # of the first samples
    assert run(capsys, *limited, "--labels", tmp_path / "few.txt")[0] == 0


def test_a_file_that_is_read_only_is_refused_before_any_work(files, tmp_path, capsys, monkeypatch):
    place = tmp_path / "q.onnx"
    place.write_text("old")
    place.chmod(0o444)
    monkeypatch.setattr("workbench.workflow.opening.load", None)  # nothing is loaded
    for call in (["-o", place], ["-o", tmp_path / "other.onnx", "--recipe", place]):
        code, _, said = run(capsys, "quantize", files / "net.onnx", "--data", files / "x.npy", *call)
        assert code == 2 and "q.onnx is read-only; give another name" in said
    assert place.read_text() == "old" and [*tmp_path.iterdir()] == [place]


def test_formats_find_their_target(files, tmp_path, capsys):
    for format, target in (("bf16", "onnx_bf16"), ("nf4", "onnx_float"), ("int4", "onnx_qdq")):
        call = ["convert", files / "net.onnx", "--to", format, "-o", tmp_path / f"{format}.onnx"]
        code, result, error = run(capsys, *call)
        assert (code, result["target"]) == (0, target), error


def test_ranges_of_another_tool_in_place_of_a_recipe(files, tmp_path, capsys):
    net, data = files / "net.onnx", ["--data", files / "x.npy"]
    call = ["quantize", net, *data, "--symmetric", "--target", "tensorrt_cache"]
    assert run(capsys, *call, "-o", tmp_path / "net.cache")[0] == 0
    code, result, error = run(capsys, "apply", tmp_path / "net.cache", net, *data, "-o", tmp_path / "c.onnx")
    assert code == 0 and result["bit_equal"] == 1.0, error
    scale = Recipe.load(tmp_path / "net.recipe.json")["relu1_out"].quantizer.scale
    stored = [onnx.numpy_helper.to_array(one) for one in onnx.load(tmp_path / "c.onnx").graph.initializer]
    assert any(one.dtype == np.float32 and one.size == 1 and one.item() == scale for one in stored)


def test_names_and_profile_reach_the_export(files, tmp_path, capsys):
    (tmp_path / "names.csv").write_text("tensor,name\nrelu1_out,their_relu\n", encoding="utf-8")
    call = ["quantize", files / "net.onnx", "--data", files / "x.npy", "--symmetric", "--target", "tensorrt_cache"]
    code, _, error = run(capsys, *call, "--names", tmp_path / "names.csv", "-o", tmp_path / "net.cache")
    assert code == 0 and "their_relu" in (tmp_path / "net.cache").read_text(), error
    call = ["apply", files / "q.recipe.json", files / "net.onnx", "--profile", "abacus", "-o", tmp_path / "p.onnx"]
    code, result, _ = run(capsys, *call)
    assert code == 2 and "abacus" in result["error"]


def test_acceptance_decides_the_exit_code(files, tmp_path, capsys):
    call = ["apply", files / "q.recipe.json", files / "net.onnx", "-o", tmp_path / "q.onnx"]
    data = ["--data", files / "x.npy", "--labels", files / "y.npy"]
    code, result, _ = run(capsys, *call, *data, "--min-sqnr", 20, "--max-loss", "90%")
    assert code == 0 and [one["verdict"] for one in result["acceptance"]] == ["met", "met"]
    code, result, _ = run(capsys, *call, *data, "--min-sqnr", 90)
    assert code == 1 and result["exit_code"] == 1 and result["acceptance"][0]["verdict"] == "missed"
    code = main([*map(str, call), *map(str, data[:2]), "--max-loss", "0.02"])
    said = capsys.readouterr().out
    assert code in (0, 1) and "acceptance not enough samples" in said and "as measured" in said
    code, result, error = run(capsys, *call, "--max-loss", "1%")
    assert code == 2 and "give --data" in result["error"] and "give --data" in error


def test_check_says_what_is_wrong(files, tmp_path, capsys):
    data = ["--data", files / "x.npy", "--labels", files / "y.npy"]
    code, result, _ = run(capsys, "check", files / "net.onnx", *data)
    assert code == 0 and result["ok"] and result["accuracy"] == 1.0 and result["n_samples"] == 64
    np.save(tmp_path / "flat.npy", np.zeros((8, 2, 8, 8), np.float32))
    assert main(["check", str(files / "net.onnx"), "--data", str(tmp_path / "flat.npy")]) == 1
    assert "every value" in capsys.readouterr().out


def test_diff_is_a_table(files, tmp_path, capsys):
    recipe = Recipe.load(files / "q.recipe.json")
    other = recipe.with_tensor("relu1_out", low=0.0, high=1.0).without("fc.weight")
    other.save(tmp_path / "b.json")
    assert main(["diff", str(files / "q.recipe.json"), str(tmp_path / "b.json")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["tensor", "field", "before", "after"]
    assert any(line.split() == ["fc.weight", "format", "int8", "None"] for line in lines)
    assert ["relu1_out", "high", "1"] in [[*line.split()[:2], line.split()[-1]] for line in lines]
    assert len({line.index(line.split()[1], len(line.split()[0])) for line in lines}) == 1  # columns stand in line
    code, result, _ = run(capsys, "diff", files / "q.recipe.json", files / "q.recipe.json")
    assert code == 0 and result["same_model"] and result["differences"] == []


def test_report(files, tmp_path, capsys):
    call = ["report", files / "q.recipe.json", files / "net.onnx", "--data", files / "x.npy"]
    code, result, _ = run(capsys, *call, "-o", tmp_path / "r.html", "--min-sqnr", 10, "--date", "Monday")
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert code == 0 and "Monday" in text and "Acceptance met" in text
    assert f"{result['sqnr_db']:.2f} dB" in text
    assert main([*map(str, call[:3]), "-o", str(tmp_path / "w.html")]) == 0


def test_images_are_prepared_as_the_arguments_say(tmp_path):
    rng = np.random.default_rng(0)
    nodes = [onnx.helper.make_node("Conv", ["x", "w"], ["y"], name="conv")]
    ports = {"x": ["N", 3, 6, 6]}, {"y": ["N", 1, 1, 1]}
    model = load(saved(tmp_path / "rgb.onnx", nodes, *ports, [constant("w", rng.standard_normal((1, 3, 6, 6)))]))
    (tmp_path / "pictures").mkdir()
    pixels = rng.integers(0, 256, (3, 6, 6, 3), np.uint8)
    for i, one in enumerate(pixels):
        Image.fromarray(one).save(tmp_path / "pictures" / f"{i}.png")
    (tmp_path / "labels.csv").write_text("file,class_index\n0.png,0\n1.png,1\n2.png,0\n", encoding="utf-8")
    call = ["check", str(tmp_path / "rgb.onnx"), "--data", str(tmp_path / "pictures")]
    call += ["--labels", str(tmp_path / "labels.csv"), "--mean", "1", "2", "3", "--std", "2", "2", "2", "--scale", "1"]
    data, labels = read_given(model, parser().parse_args([*call, "--limit", "2"]))
    expected = (pixels[:2].astype(np.float32) - [1, 2, 3]) / 2
    np.testing.assert_allclose(next(iter(data))["x"], expected.transpose(0, 3, 1, 2), rtol=1e-6)
    assert labels.tolist() == [0, 1]


def test_sequences_with_a_state(tmp_path, capsys):
    """h_next = tanh(x W + h U): what is exported feeds its state back step by step."""
    normal = np.random.default_rng(1).standard_normal
    steps = [("MatMul", ["x", "W"], "a"), ("MatMul", ["h", "U"], "b"), ("Add", ["a", "b"], "c"), ("Tanh", ["c"], "o")]
    nodes = [onnx.helper.make_node(kind, read, [made], name=made) for kind, read, made in steps]
    weights = [constant("W", normal((3, 4))), constant("U", normal((4, 4)) * 0.5)]
    net = saved(tmp_path / "rnn.onnx", nodes, {"x": [1, 3], "h": [1, 4]}, {"o": [1, 4]}, weights)
    (tmp_path / "runs").mkdir()
    for i, length in enumerate((5, 7)):
        np.save(tmp_path / "runs" / f"{i}.npy", normal((length, 1, 3)).astype(np.float32))
    call = ["quantize", net, "--data", tmp_path / "runs", "--state", "h=o", "-o", tmp_path / "q.onnx", "--min-sqnr", 5]
    code, result, error = run(capsys, *call)
    assert code == 0 and result["bit_equal"] == 1.0, error
    np.save(tmp_path / "flat.npy", normal((1, 3)).astype(np.float32))
    code, result, _ = run(capsys, "convert", net, "--to", "int8", "-o", tmp_path / "w.onnx", "--state", "h=o", "--data",
                          tmp_path / "flat.npy")  # fmt: skip
    assert code == 2 and "axis of steps" in result["error"]


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["convert", "{net}", "--to", "fp17", "-o", "{out}"], "unknown format 'fp17'"),
        (["convert", "{net}", "--to", "fp32", "-o", "{out}"], "is float32 already"),
        (["quantize", "{net}", "--data", "{x}", "-o", "{out}", "--weights", "int4,int8"], "give --budget BYTES"),
        (["quantize", "{net}", "--data", "{x}", "-o", "{out}", "--budget", "9kB"], "--budget is for several formats"),
        (["quantize", "{net}", "--data", "{x}", "-o", "{out}", "--weights", " ,"], "--weights ' ,' names no format"),
        (["convert", "{net}", "--to", "fp16", "-o", "{out}", "--option", "speed=9"], "takes no option 'speed'"),
        (["convert", "{net}", "--to", "int8", "-o", "{out}", "--keep-io"], "takes no option 'keep_io_types'"),
        (["convert", "{net}", "--to", "int8", "-o", "{out}", "--target", "abacus"], "unknown export target"),
        (["convert", "{gone}", "--to", "fp16", "-o", "{out}"], "gone"),
        (["convert", "{net}", "--to", "fp16", "-o", "{net}"], "is an input"),
        (["quantize", "{net}", "--data", "{x}", "-o", "{out}", "--recipe", "{net}"], "net.onnx is an input"),
        (["quantize", "{net}", "--data", "{x}", "-o", "{out}", "--recipe", "{out}"], "would be written twice"),
        (["quantize", "{net}", "--data", "{x}", "-o", "{out}", "--recipe", "{gone}/r.json"], "there is no folder"),
        (["quantize", "{net}", "--data", "{x}", "-o", "{x}"], "x.npy is an input"),
        (["apply", "{recipe}", "{net}", "-o", "{recipe}"], "q.recipe.json is an input"),
        (["report", "{recipe}", "{net}", "-o", "{recipe}"], "q.recipe.json is an input"),
        (
            ["apply", "{recipe}", "{net}", "-o", "{out}", "--target", "csv_table", "--option", "columns=5"],
            "columns is 5",
        ),
        (
            [
                "apply",
                "{recipe}",
                "{net}",
                "-o",
                "{out}",
                "--target",
                "html_report",
                "--data",
                "{x}",
                "--option",
                "max_loss=x",
            ],
            "a loss of at most x is no share",
        ),
        (["quantize", "{net}", "--data", "{gone}", "-o", "{out}"], "gone"),
        (["quantize", "{net}", "--data", "{x}", "-o", "{gone}/deep/q.onnx"], "cannot write"),
        (["apply", "{x}", "{net}", "-o", "{out}"], "x.npy"),
        (["apply", "{gone}", "{net}", "-o", "{out}"], "gone"),
        (["diff", "{x}", "{x}"], "not a JSON text"),
        (["check", "{net}", "--data", "{x}", "--labels", "{gone}"], "gone"),
        (["check", "{net}", "--data", "{x}", "--state", "h"], "INPUT=OUTPUT"),
        (["report", "{recipe}", "{net}", "-o", "{out}", "--labels", "{x}"], "give --data"),
    ],
)
def test_what_cannot_be_done_is_said_in_words_and_leaves_nothing(files, tmp_path, capsys, argv, words):
    places = dict(net=files / "net.onnx", out=tmp_path / "out", gone=tmp_path / "gone", x=files / "x.npy")
    call = [one.format(**places, recipe=files / "q.recipe.json") for one in argv]
    before = (files / "net.onnx").read_bytes()
    assert main(call) == 2
    said = capsys.readouterr()
    assert words in said.err and said.err.startswith(f"workbench {argv[0]}: ") and "Traceback" not in said.err
    assert not list(tmp_path.iterdir()) and (files / "net.onnx").read_bytes() == before


@pytest.mark.parametrize("argv", [[], ["fly"], ["convert"], ["check", "a.onnx", "--data", "x", "--limit", "0"],
                                  ["report", "a", "b", "-o", "c", "--max-loss", "200%"],
                                  *(["report", "a", "b", "-o", "c", "--min-sqnr", it] for it in ("nan", "inf", "x")),
                                  ["quantize", "a", "--data", "x", "-o", "c", "--budget", "5 KB/s"]])  # fmt: skip
def test_wrong_usage(capsys, argv):
    assert main(argv) == 2
    assert "usage:" in capsys.readouterr().err


def test_help_names_every_command(capsys):
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(command.name in shown for command in COMMANDS) and "exit code" in shown
    for command in COMMANDS:
        assert main([command.name, "--help"]) == 0
        assert command.help in " ".join(capsys.readouterr().out.split())


def test_ctrl_c_leaves_nothing_behind(files, tmp_path, capsys, monkeypatch):
    def interrupted(*_args, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr("workbench.workflow.export.selfcheck.check_file", interrupted)
    call = ["apply", str(files / "q.recipe.json"), str(files / "net.onnx"), "-o", str(tmp_path / "q.onnx")]
    assert main(call) == 130
    assert "interrupted" in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_bars_are_for_terminals(files, tmp_path, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    call = ["report", str(files / "q.recipe.json"), str(files / "net.onnx"), "--data", str(files / "x.npy")]
    for stream, shown in ((Terminal(), True), (io.StringIO(), False)):
        monkeypatch.setattr(sys, "stderr", stream)
        assert main([*call, "-o", str(tmp_path / "r.html")]) == 0
        assert ("calibrating" in stream.getvalue() and "simulating" in stream.getvalue()) is shown


def test_numbers_that_json_does_not_have_become_words():
    assert plain({"a": float("inf"), "b": [float("nan"), 1.5], "c": None}) == {"a": "inf", "b": ["nan", 1.5], "c": None}


def subprocess_run(*argv):
    call = [sys.executable, "-m", "workbench", *map(str, argv)]
    return subprocess.run(call, cwd=PROJECT, capture_output=True, text=True)


def test_as_a_program(files, tmp_path):
    done = subprocess_run("convert", files / "net.onnx", "--to", "fp16", "-o", tmp_path / "h.onnx", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["files"] == [str(tmp_path / "h.onnx")] and done.stderr == ""


def test_as_a_program_without_a_network(tmp_path):
    done = subprocess_run("convert", tmp_path / "none.onnx", "--to", "fp16", "-o", tmp_path / "h.onnx")
    assert done.returncode == 2 and done.stdout == "" and "Traceback" not in done.stderr
    assert done.stderr.startswith("workbench convert: ")


@needs_assets
def test_a_real_network(tmp_path, capsys):
    data, labels = inputs("cifar10_resnet20", "calib")
    np.save(tmp_path / "x.npy", data[:128])
    (tmp_path / "y.txt").write_text("\n".join(map(str, labels[:128])), encoding="utf-8")
    call = ["quantize", model_path("cifar10_resnet20"), "--data", tmp_path / "x.npy", "--labels", tmp_path / "y.txt"]
    code, result, _ = run(capsys, *call, "-o", tmp_path / "q.onnx", "--min-sqnr", 25, "--max-loss", "20%")
    assert code == 0 and result["bit_equal"] == 1.0 and result["sqnr_db"] > 28
    assert [one["verdict"] for one in result["acceptance"]] == ["met", "met"]
