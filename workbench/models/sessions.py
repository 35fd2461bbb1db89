"""onnxruntime sessions of segments: built when first needed, the last few variants of each kept."""

import functools
from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from threading import Lock

import numpy as np
import onnxruntime
from onnx import ModelProto, ValueInfoProto, helper

from workbench.messages import WorkbenchError
from workbench.models.network import Network
from workbench.models.planning import Segment
from workbench.models.protos import to_tensor
from workbench.models.refusal import shown

VARIANTS = 4  # sessions kept for each segment: the float one, and the last few replacements
QUIET = 4  # only fatal messages; errors reach the person as WorkbenchError


@functools.cache
def share_arena() -> None:
    """One arena for all sessions of the process.

    Without one, results that come and go leave holes in the heap: simulating 64 images with a network of ResNet-50 size
    took 2.9 GB for a cache of 0.8 GB, with it 1.2 GB and less time. An arena each would keep the largest batch's memory
    hundreds of times.
    """
    kind, use = onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, onnxruntime.OrtMemType.DEFAULT
    as_requested = {"max_mem": 0, "arena_extend_strategy": 1, "initial_chunk_size_bytes": -1}
    arena = onnxruntime.OrtArenaCfg({**as_requested, "max_dead_bytes_per_chunk": -1})
    onnxruntime.create_and_register_allocator(onnxruntime.OrtMemoryInfo("Cpu", kind, 0, use), arena)


def session_options() -> onnxruntime.SessionOptions:
    """One thread, no spinning, the optimisations up to EXTENDED: the same arithmetic in every session."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = QUIET
    share_arena()
    options.add_session_config_entry("session.use_env_allocators", "1")
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def open_session(model: ModelProto, what: str) -> onnxruntime.InferenceSession:
    """A session on the CPU. what: the part of the network, for the error text. Raises WorkbenchError."""
    try:
        content = model.SerializeToString()
        return onnxruntime.InferenceSession(content, session_options(), providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions share no base class
        reason = " ".join(str(error).split())[:300]
        raise WorkbenchError(
            f"onnxruntime cannot run {what} ({reason}); expected operators that its CPU provider knows; "
            "replace the operator and export the model again, or use what needs no data"
        ) from None


@dataclass(frozen=True)
class _Variants:
    """The sessions of one segment, each with the arrays that it holds; the lock is held while one is built."""

    sessions: OrderedDict[object, tuple[onnxruntime.InferenceSession, object]] = field(default_factory=OrderedDict)
    lock: Lock = field(default_factory=Lock)


class Sessions:
    """The sessions of a chain. Safe to use from several threads; no session runs or is built under another's lock."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._lock = Lock()
        self._kept: dict[Segment, _Variants] = {}
        self.n_built = 0

    def get(
        self,
        segment: Segment,
        weights: Mapping[str, np.ndarray],
        outputs: tuple[str, ...],
        feeds: Mapping[str, np.ndarray],
    ) -> onnxruntime.InferenceSession:
        """The session of one segment with some constants replaced; the same arrays give the same session.

        weights: replacements, recognised by identity. outputs: names to compute. feeds: this run's inputs; they tell
        the types that shape inference does not know. Replaced biases are no part of the session: see `biases`.
        """
        fed = tuple(name for name in segment.constants if name in weights and name in segment.biases)
        replaced = [(name, weights[name]) for name in segment.constants if name in weights and name not in fed]
        key = (tuple((name, id(array)) for name, array in replaced), fed, outputs)
        plain = ((), (), segment.outputs)  # the float network is always needed again
        with self._lock:
            variants = self._kept.setdefault(segment, _Variants())
        with variants.lock:
            kept = variants.sessions
            if key in kept:
                kept.move_to_end(key)
                return kept[key][0]
            model = segment_model(self._network, segment, dict(replaced), fed, outputs, feeds)
            session = open_session(model, f"the part of the network around {shown(segment.nodes[0].name)}")
            with self._lock:
                self.n_built += 1
            kept[key] = (session, replaced)  # holding the arrays keeps their identities unique
            if len(kept) > VARIANTS:
                del kept[next(old for old in kept if old != plain)]
            return session

    def biases(self, segment: Segment, weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Replacements that are handed to the segment's session as inputs, so that no session is built for them."""
        constants = self._network.constants
        return {
            name: np.asarray(weights[name]).astype(constants[name].dtype, copy=False)
            for name in segment.biases
            if name in weights
        }

    def forget(self, segments: Iterable[Segment]) -> None:
        """Drop the sessions of segments that will not come again."""
        with self._lock:
            for segment in segments:
                self._kept.pop(segment, None)


def segment_model(
    network: Network,
    segment: Segment,
    replaced: Mapping[str, np.ndarray],
    fed: Collection[str],
    outputs: tuple[str, ...],
    feeds: Mapping[str, np.ndarray],
) -> ModelProto:
    """One segment as a model of its own, with the shapes that the whole graph knows. fed: constants as inputs."""
    header = network.header
    model = ModelProto(ir_version=header.ir_version, opset_import=header.opset_import, functions=header.functions)
    model.graph.name = f"segment {segment.index}"
    model.graph.node.extend(segment.nodes)
    for name in segment.inputs:
        known = network.types.get(name)
        if known is not None and known.WhichOneof("value") is not None:
            model.graph.input.append(ValueInfoProto(name=name, type=known))
        else:
            element = helper.np_dtype_to_tensor_dtype(np.asarray(feeds[name]).dtype)
            model.graph.input.append(helper.make_tensor_value_info(name, element, None))
    produced = [name for node in segment.nodes for name in node.output if name]
    for name in outputs:
        model.graph.output.append(ValueInfoProto(name=name, type=network.types.get(name)))
    model.graph.value_info.extend(
        ValueInfoProto(name=name, type=network.types[name])
        for name in produced
        if name in network.types and name not in outputs
    )
    for name in segment.constants:
        constant = network.constants[name]
        if name in fed:
            element = helper.np_dtype_to_tensor_dtype(constant.dtype)
            model.graph.input.append(helper.make_tensor_value_info(name, element, constant.shape))
            continue
        array = np.asarray(replaced.get(name, constant)).astype(constant.dtype, copy=False)
        model.graph.initializer.append(to_tensor(array, name))
    return model
