"""What other tools call the tensors: read from their files, matched, kept in the recipe, used by `export`."""

import json

import numpy as np
import pytest
from onnx import helper

from tests.workflow.small_models import constant, saved
from workbench.messages import Notice, WorkbenchError
from workbench.workflow.choose import choose
from workbench.workflow.export.catalogue import TARGETS
from workbench.workflow.export.exporting import export, known_names
from workbench.workflow.export.names import match_names
from workbench.workflow.export.target import SelfCheck, Target
from workbench.workflow.opening import load
from workbench.workflow.recipe import Recipe

NCNN = """7767517
10 10
Input            in0      0 1 in0 0=8 1=8 2=2
Convolution      convA    1 1 in0 1 0=6 1=3 4=1 5=1 6=108
ReLU             reluA    1 1 1 2
Split            split0   1 2 2 2a 2b
Convolution      convB    1 1 2a 3 0=6 1=3 4=1 5=1 6=324
BinaryOp         add      2 1 3 2b 4 0=0
ReLU             reluB    1 1 4 5
Pooling          pool     1 1 5 6 0=1 4=1
Reshape          flat     1 1 6 7 0=-1
InnerProduct     dense    1 1 7 out0 0=5 1=1 2=30
"""


def tensorrt(*layers):
    return json.dumps({"Layers": list(layers), "Bindings": ["image", "logits"]})


def trt_layer(name, kind, inputs, output, **more):
    tensors = [{"Name": n, "Dimensions": list(d)} for n, d in inputs]
    return {"Name": name, "LayerType": kind, "Inputs": tensors, "Outputs": [{"Name": output}], **more}


@pytest.fixture
def file(tmp_path):
    def written(text, name="names.txt"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return written


def test_an_ncnn_network_by_order_operator_and_shape(small, file):
    match = match_names(small, file(NCNN, "net.param"))
    assert match.kind == "ncnn" and match.unused == () and match.unmatched == {}
    assert match.names == {"conv1.weight": "convA", "conv2.weight": "convB", "fc.weight": "dense"}
    assert set(match.how.values()) == {"order and shape"}
    assert "3 tensors matched (3 by order and shape)" in str(match)


def test_equal_names_split_what_is_matched_by_order(small, file):
    text = NCNN.replace("convB ", "conv2 ")
    match = match_names(small, file(text))
    assert match.how == {
        "conv1.weight": "order and shape",
        "conv2.weight": "equal names",
        "fc.weight": "order and shape",
    }


def test_what_could_be_more_than_one_stays_unmatched(tmp_path, file):
    """Two convolutions of one shape where the tool has three: no order says which is which."""
    nodes = [("a", "x", "a_out"), ("b", "a_out", "y")]
    made = [helper.make_node("Conv", [i, f"{n}.weight"], [o], name=n, pads=[1] * 4) for n, i, o in nodes]
    weights = [
        constant(f"{n}.weight", np.random.default_rng(k).standard_normal((2, 2, 3, 3))) for k, n in enumerate("ab")
    ]
    model = load(saved(tmp_path / "two.onnx", made, {"x": [1, 2, 4, 4]}, {"y": [1, 2, 4, 4]}, weights))
    lines = [f"Convolution c{k} 1 1 {k} {k + 1} 0=2 1=3 6=36" for k in range(3)]
    match = match_names(model, file("7767517\n3 4\n" + "\n".join(lines)))
    assert match.names == {} and match.unmatched["a.weight"] == ("c0", "c1", "c2")
    assert match.table()[0] == {"tensor": "a.weight", "name": "", "how": "", "candidates": ("c0", "c1", "c2")}
    assert "Unmatched: 'a.weight', 'b.weight'" in str(match) and "Left over in the file: 'c0'" in str(match)


def test_other_sizes_are_no_match(small, file):
    match = match_names(small, file(NCNN.replace("6=324", "6=648")))
    assert "conv2.weight" in match.unmatched and match.unused == ("convB",)
    assert match.names["conv1.weight"] == "convA"


def test_layer_information_of_tensorrt(small, file):
    layers = [
        trt_layer("conv1 + relu1", "CaskConvolution", [("image", (1, 2, 8, 8))], "act", ParameterType="Convolution"),
        trt_layer("conv2 + add", "CaskConvolution", [("act", (1, 6, 8, 8)), ("act", (1, 6, 8, 8))], "sum"),
        trt_layer("dense", "CaskGemmMatrixMultiply", [("flat_out", (1, 6))], "logits", ParameterType="FullyConnected"),
    ]
    match = match_names(small, file(tensorrt(*layers)))
    assert match.kind == "tensorrt" and match.how["image"] == "equal names"
    assert match.names["relu1_out"] == "act" and match.how["relu1_out"] == "order and shape"
    assert not any(name.endswith("weight") for name in (*match.names, *match.unmatched))
    assert "conv2_out" in match.unmatched  # the fused sum has no tensor of its own
    other = [layers[0], {**layers[1], "Inputs": [{"Name": "act", "Dimensions": [1, 7, 8, 8]}]}, layers[2]]
    assert "relu1_out" in match_names(small, file(tensorrt(*other))).unmatched


def test_pairs(small, file):
    match = match_names(small, file('conv1.weight,"a, b"\n\nimage,input:0\nnowhere,z\n', "names.csv"))
    assert match.names == {"image": "input:0", "conv1.weight": "a, b"} and match.unused == ("z",)
    assert set(match.unmatched) >= {"fc.weight", "relu1_out"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("7767517\n1 1\nConvolution a x 1\n", "line 3: expected a layer's type"),
        ("7767517\n1 1\nConvolution a 1 1 in\n", "line 3: expected 2 names"),
        (f"7767517\n1 1\nConvolution a {'1' * 5000} 1 in\n", "line 3: expected a layer's type"),
        ("{", "not a JSON text"),
        (f'{{"Layers": {"1" * 5000}}}', "not a JSON text"),
        ('{"layers": []}', "field 'Layers'"),
        ('{"Layers": ["conv1", "conv2"]}', "profilingVerbosity=detailed"),
        ('{"Layers": [{"Name": 3}]}', "layer 0: expected an object"),
        ('[{"Name": "a", "Inputs": {"x": 1}}]', "layer 'a': field 'Inputs'"),
        ("a,b,c\n", "line 1: expected two names"),
        ("a,b\na,c\n", "line 2: 'a' has a name already"),
    ],
)
def test_broken_files_are_refused_in_words(small, file, text, words):
    path = file(text)
    with pytest.raises(WorkbenchError, match="names.txt") as caught:
        match_names(small, path)
    assert words in str(caught.value)


def test_files_that_are_none(small, tmp_path):
    with pytest.raises(WorkbenchError, match="No such file"):
        match_names(small, tmp_path / "missing.param")
    with pytest.raises(WorkbenchError, match="not a regular file"):
        match_names(small, tmp_path)
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(WorkbenchError, match="not a text"):
        match_names(small, tmp_path / "binary")


def test_names_are_kept_in_the_recipe(small, small_calibration, tmp_path):
    recipe = choose(small, small_calibration)
    named = recipe.with_names({"conv1.weight": "convA", "image": "image", "pool_out": "p"})
    assert named.names == {"conv1.weight": "convA", "pool_out": "p"} and named != recipe
    assert Recipe.load(named.save(tmp_path / "r.json")) == named
    assert [str(d) for d in recipe.diff(named)] == [
        "conv1.weight: target_name  -> convA",
        "pool_out: target_name  -> p",
    ]
    assert named.with_names({"pool_out": ""}).names == {"conv1.weight": "convA"}
    assert named.without("conv1.weight").names == named.names
    document = recipe.to_json()
    assert Recipe.from_json(document).names == {} and "target_name" not in json.dumps(document)
    document["tensors"]["image"]["target_name"] = 3
    with pytest.raises(WorkbenchError, match="'image': field 'target_name' is 3"):
        Recipe.from_json(document)


@pytest.mark.parametrize("target", ["aimet_encodings", "aimet_encodings_2", "ort_overrides"])
def test_a_name_that_another_tensor_has_is_refused_before_anything_is_written(
    small, small_calibration, tmp_path, target
):
    recipe, doing = choose(small, small_calibration), []
    for tensor, other in (("image", "relu1_out"), ("conv1.weight", "relu1_out"), ("fc.weight", "conv1.weight")):
        kind = "Weight" if "weight" in tensor else "Activation"
        with pytest.raises(WorkbenchError, match=f"{kind} '{tensor}': it would be called '{other}' there, as is"):
            export(small, recipe, tmp_path / "a", target=target, names={tensor: other}, watch=doing.append)
    assert not doing and not [*tmp_path.iterdir()]
    swapped = {"image": "relu1_out", "relu1_out": "image"}  # and one of a tensor that is not in the file
    for names in (swapped, {"image": "logits"}):
        assert export(small, recipe, tmp_path / "a", target=target, names=names).files


@pytest.mark.parametrize("target", ["tensorrt_cache", "tpu_mlir_table"])
def test_where_activations_alone_are_written_a_weight_may_be_called_like_one(
    small, small_calibration, tmp_path, target
):
    recipe = choose(small, small_calibration)
    assert export(small, recipe, tmp_path / "a", target=target, names={"conv1.weight": "relu1_out"}).files
    with pytest.raises(WorkbenchError, match="'image': it would be called 'relu1_out' there, as is another"):
        export(small, recipe, tmp_path / "b", target=target, names={"image": "relu1_out"})
    assert not (tmp_path / "b").exists()


def test_export_takes_names_in_every_form(small, small_calibration, file, tmp_path, request):
    seen = []

    def write(order, path):
        seen.append(dict(order.names))
        path.write_text("x")
        return (Notice("target", "a"),)

    target = Target("fake", "a file", "a tool", ".txt", lambda c, is_weight: None, write, lambda o, p: SelfCheck())
    TARGETS.register(target)
    request.addfinalizer(lambda: TARGETS.unregister("fake"))
    recipe = choose(small, small_calibration).with_names({"image": "mine"})
    param = file(NCNN, "net.param")
    match = match_names(small, param)
    doing = []
    for names in (None, {}, {"image": "x", "fc.weight": "fc.weight"}, match, param, str(param)):
        export(small, recipe, tmp_path / "out.txt", target="fake", names=names, watch=doing.append)
    of_file = dict(match.names)
    assert seen == [{"image": "mine"}, {}, {"image": "x"}, of_file, of_file, of_file]
    assert doing[:2] == ["writing the file", "reading it back and checking it"]
    with pytest.raises(WorkbenchError, match="given to more than one tensor"):
        known_names(small, recipe, {"image": "a", "fc.weight": "a"})
    for none in (5, {"image": 5}, {"image": None}):
        with pytest.raises(WorkbenchError, match="expected texts by tensor"):
            known_names(small, recipe, none)
    with pytest.raises(WorkbenchError, match="no tensor 'nowhere'"):
        known_names(small, recipe.with_names({"nowhere": "a"}), None)
