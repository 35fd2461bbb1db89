"""Every tool's search by the name of its clipping method, for `sweep`."""

from collections.abc import Callable
from typing import Any

from workbench.messages import WorkbenchError
from workbench.numerics.clipping.compatibility import caffe, mxnet, ncnn, onnxruntime, slides, tensorrt
from workbench.numerics.clipping.compatibility.search import Search
from workbench.numerics.formats.format import Format
from workbench.numerics.statistics.distribution import Distribution

SEARCHES: dict[str, Callable[..., Search]] = {
    "entropy_onnxruntime": onnxruntime.of_distribution,
    "entropy_tensorrt": tensorrt.of_distribution,
    "entropy_mxnet": mxnet.of_distribution,
    "entropy_ncnn": ncnn.of_distribution,
    "entropy_caffe": caffe.of_distribution,
    "entropy_slides": slides.of_distribution,
}


def search_by(method: str, distribution: Distribution, format: Format, options: dict[str, Any]) -> Search:
    """The search of a method in SEARCHES; `options` are the method's own. WorkbenchError for one that it has not."""
    search = SEARCHES[method]
    names = search.__kwdefaults__ or {}
    for name in options:
        if name not in names:
            raise WorkbenchError(f"{method} has no option {name!r}; expected one of {', '.join(names)}")
    return search(distribution, format, **options)
