"""`open_quantized`: an already quantized file as a float network and a recipe, where the float file is not at hand."""

from pathlib import Path

from workbench.messages import Notice, WorkbenchError
from workbench.models.cleaning import QUANTIZED
from workbench.models.model import Model
from workbench.models.network import Network
from workbench.models.reader import load
from workbench.numerics.statistics.sorted_sums import SortedSums
from workbench.workflow.ranges.importing import recipe_from_ranges
from workbench.workflow.ranges.qdq_file import remarks, renamed
from workbench.workflow.ranges.qdq_pairs import Pairs, found_pairs, without_pairs
from workbench.workflow.ranges.ranges import RangeFile
from workbench.workflow.recipe import Recipe


def open_quantized(path: str | Path) -> tuple[Model, Recipe, tuple[Notice, ...]]:
    """The network of a quantized ONNX file without its QuantizeLinear / DequantizeLinear pairs, and their recipe.

    The weights of the model are those of the file, dequantized: what was lost in quantizing them does not come back,
    and with the recipe they become the same codes again. Pairs on tensors that no layer reads are left out, with a
    notice: the file computes something else there than the simulation. int32 biases become float32 and follow from the
    recipe. A file without pairs gives an empty recipe. fp16 and bf16 weights are the model's own, without an entry.
    Raises WorkbenchError, naming file and tensor, for what `load` refuses and for scales and codes that are none.
    """
    place, taken = Path(path), list[RangeFile]()

    def prepare(network: Network) -> None:
        try:
            pairs = found_pairs(network)
            without_pairs(network, pairs)
        except WorkbenchError as error:
            raise WorkbenchError(f"{place}: {error}") from None
        if not set(QUANTIZED).intersection(network.operators()):
            network.notices = [notice for notice in network.notices if "already quantized" not in notice.sentence]
        told = (*_told(pairs, place.name), *remarks(pairs, place.name))
        taken.append(RangeFile("qdq_file", place, renamed(pairs), notices=told))

    model = load(place, distribution_of=SortedSums.of, prepare=prepare)
    recipe, notices = recipe_from_ranges(model, taken[0])
    return model, recipe, (*model.notices, *notices)


def _told(pairs: Pairs, file: str) -> tuple[Notice, ...]:
    if not pairs.ranges:
        words = "has no QuantizeLinear with its DequantizeLinear, so that nothing was taken out and the recipe is empty"
        return (Notice("ranges", f"{file} {words}."),)
    n = len(pairs.weights)
    words = "were dequantized: figures compare with these values, not with those of the network before it was quantized"
    return (Notice("weights", f"{file}: {n} stored tensors {words}."),) if n else ()
