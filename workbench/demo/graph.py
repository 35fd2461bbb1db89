"""The built-in network as an ONNX file: steps and parameters in, a checked ModelProto out."""

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from workbench.demo.architecture import N_CLASSES, Step

OPSET = 17
IR_VERSION = 8  # the one that belongs to opset 17


def onnx_model(name: str, steps: Sequence[Step], parameters: Mapping[str, np.ndarray], *, note: str) -> onnx.ModelProto:
    """The network as ONNX: BatchNormalization not folded, batch size open.

    name: name of the graph.
    parameters: parameter name -> float32 array of the shape that its step gives.
    note: plain words kept in the file as its doc_string.
    Raises KeyError for a missing parameter, ValueError for one of another shape,
    onnx.checker.ValidationError for a graph that breaks the rules of ONNX.
    Source: the ONNX operator specifications, opset 17.
    """
    nodes, initializers = [], []
    for step in steps:
        inputs = [*step.inputs, *step.parameter_names]
        nodes.append(helper.make_node(step.operator, inputs, [step.output], name=step.name, **step.attributes))
        for key, shape in zip(step.parameter_names, step.parameters.values(), strict=True):
            if parameters[key].shape != shape:
                raise ValueError(f"parameter {key!r} has shape {parameters[key].shape}; expected {shape}")
            initializers.append(numpy_helper.from_array(np.ascontiguousarray(parameters[key], np.float32), key))
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, 8, 8])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", N_CLASSES])
    graph = helper.make_graph(nodes, name, [image], [logits], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    model.producer_name, model.doc_string = "workbench.demo.train", note
    onnx.checker.check_model(model, full_check=True)
    return model
