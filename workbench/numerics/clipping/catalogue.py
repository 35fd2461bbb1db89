"""All clipping methods by name. A new method is one file, one entry, one test."""

from workbench.catalogue import Catalogue
from workbench.numerics.clipping.aciq import aciq_gauss, aciq_laplace
from workbench.numerics.clipping.alternating import alternating
from workbench.numerics.clipping.clip_range import ClippingMethod
from workbench.numerics.clipping.compatibility.caffe import entropy_caffe
from workbench.numerics.clipping.compatibility.mxnet import entropy_mxnet
from workbench.numerics.clipping.compatibility.ncnn import entropy_ncnn
from workbench.numerics.clipping.compatibility.onnxruntime import entropy_onnxruntime
from workbench.numerics.clipping.compatibility.slides import entropy_slides
from workbench.numerics.clipping.compatibility.tensorrt import entropy_tensorrt
from workbench.numerics.clipping.cut_offs import sigmoid_cut, tanh_cut
from workbench.numerics.clipping.entropy import entropy
from workbench.numerics.clipping.least_error import least_error
from workbench.numerics.clipping.least_power import least_absolute, least_power
from workbench.numerics.clipping.min_max import min_max
from workbench.numerics.clipping.moving_average import moving_average
from workbench.numerics.clipping.percentile import percentile
from workbench.numerics.clipping.power_of_two import power_of_two_max, power_of_two_mse

CLIPPING: Catalogue[ClippingMethod] = Catalogue(
    "clipping method",
    {
        "least_error": least_error,
        "entropy": entropy,
        "min_max": min_max,
        "percentile": percentile,
        "moving_average": moving_average,
        "least_absolute": least_absolute,
        "least_power": least_power,
        "aciq_gauss": aciq_gauss,
        "aciq_laplace": aciq_laplace,
        "alternating": alternating,
        "sigmoid_cut": sigmoid_cut,
        "tanh_cut": tanh_cut,
        "power_of_two_max": power_of_two_max,
        "power_of_two_mse": power_of_two_mse,
        # reproduce another tool
        "entropy_onnxruntime": entropy_onnxruntime,
        "entropy_tensorrt": entropy_tensorrt,
        "entropy_mxnet": entropy_mxnet,
        "entropy_ncnn": entropy_ncnn,
        "entropy_caffe": entropy_caffe,
        "entropy_slides": entropy_slides,
    },
)
