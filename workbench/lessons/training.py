"""A small network that is trained in numpy within a second, also with quantized weights in the loop.

Two layers read the built-in digits: 64 pixels, 32 Relus, 10 scores. `train` takes gradients at the *quantized* weights
and hands them through the rounding as if it were not there (straight-through estimator); what they move is a choice,
`KEPT`. Sources: Bengio et al. 2013 (arXiv:1308.3432, straight-through estimator); Courbariaux et al. 2015,
BinaryConnect (arXiv:1511.00363, float copy); Han et al. 2016, Deep Compression (arXiv:1510.00149, shared levels).
"""

from dataclasses import dataclass

import numpy as np

from workbench import demo
from workbench.lessons.kept_weights import KEPT
from workbench.messages import WorkbenchError
from workbench.numerics.clipping.asking import clip_range
from workbench.numerics.codebooks.fit_codebook import fit_codebook
from workbench.numerics.formats.catalogue import as_format
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.sorted_sums import SortedSums

SIZES = (64, 32, 10)
N_TRAINING = 300  # of the 450 pictures with labels; the rest tests
BATCH = 30

Arrays = tuple[np.ndarray, ...]


@dataclass(frozen=True, eq=False)
class Digits:
    """images: float32 (300, 64), labels: int64 (300,), to learn from; test_images, test_labels: 150 never learned."""

    images: np.ndarray
    labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


def digits(seed: int = 0) -> Digits:
    """The built-in pictures that have labels, split by chance into 300 to learn from and 150 to test with."""
    _, images, labels = demo.data()
    order = np.random.default_rng(seed).permutation(len(labels))
    learn, test = order[:N_TRAINING], order[N_TRAINING:]
    flat = images.reshape(len(images), -1)
    return Digits(flat[learn], labels[learn], flat[test], labels[test])


@dataclass(frozen=True, eq=False)
class Net:
    """weights: float32 (64, 32) and (32, 10). biases: float32 (32,) and (10,). A Relu stands between the layers."""

    weights: Arrays
    biases: Arrays

    def hidden(self, images: np.ndarray) -> np.ndarray:
        """float32 (n, 32): what the Relus say of images (n, 64)."""
        rows = (images[:, None] @ self.weights[0])[:, 0]  # row by row: waking BLAS threads costs more than it saves
        return np.maximum(rows + self.biases[0], 0)

    def scores(self, images: np.ndarray) -> np.ndarray:
        """float32 (n, 10) of images (n, 64); the largest is the answer."""
        return self.hidden(images) @ self.weights[1] + self.biases[1]

    def accuracy(self, images: np.ndarray, labels: np.ndarray) -> float:
        """Share of the images whose largest score is at their label, in [0, 1]."""
        return float((self.scores(images).argmax(axis=1) == labels).mean())

    def loss(self, images: np.ndarray, labels: np.ndarray) -> float:
        """Mean cross-entropy in nats."""
        chances = _softmax(self.scores(images))
        return float(-np.log(chances[np.arange(len(labels)), labels] + 1e-30).mean())

    def gradients(self, images: np.ndarray, labels: np.ndarray) -> tuple[Arrays, Arrays]:
        """The gradients of the loss by weights and by biases, each of the shape of what it is taken by."""
        hidden = self.hidden(images)
        out = _softmax(hidden @ self.weights[1] + self.biases[1])
        out[np.arange(len(labels)), labels] -= 1
        out /= len(labels)
        back = (out @ self.weights[1].T) * (hidden > 0)
        return (images.T @ back, hidden.T @ out), (back.sum(axis=0), out.sum(axis=0))

    def with_weights(self, *weights: np.ndarray) -> "Net":
        """The same biases with other weights, such as quantized ones."""
        return Net(tuple(np.asarray(each, np.float32) for each in weights), self.biases)

    def quantized(self, quantizers: tuple[Quantizer, ...]) -> "Net":
        """The weights as two quantizers leave them; biases stay float."""
        return self.with_weights(*(q.fake_quantize(w) for q, w in zip(quantizers, self.weights, strict=True)))


def _softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def untrained(seed: int = 0) -> Net:
    """Random weights to begin with (He et al. 2015, arXiv:1502.01852), biases 0."""
    random = np.random.default_rng(seed)
    pairs = list(zip(SIZES[:-1], SIZES[1:], strict=True))
    weights = (random.standard_normal(pair) * np.sqrt(2 / pair[0]) for pair in pairs)
    return Net(tuple(w.astype(np.float32) for w in weights), tuple(np.zeros(n, np.float32) for _, n in pairs))


def quantizers(net: Net, format: str, method: str = "least_error") -> tuple[Quantizer, ...]:
    """A quantizer for each weight, one scale a tensor: the range by a method, or a codebook fitted to the weight."""
    found = []
    for weight in net.weights:
        values, kind = SortedSums.of(weight), as_format(format)
        if kind.needs_values:
            found.append(Quantizer(fit_codebook(kind, values), np.ones((), np.float32)))
        else:
            chosen = clip_range(method, values, kind, symmetric=True)
            found.append(Quantizer.covering(kind, chosen.low, chosen.high))
    return tuple(found)


@dataclass(frozen=True, eq=False)
class Run:
    """net: as it runs in the end, with quantized weights where there are quantizers.

    losses: float64 (epochs + 1,), of all training pictures, before the first epoch and after each.
    changed: float64 (epochs,), share of the weights that an epoch left at another value than it found them.
    """

    net: Net
    losses: np.ndarray
    changed: np.ndarray


def train(
    net: Net,
    data: Digits,
    *,
    epochs: int,
    rate: float = 0.05,
    decay: float = 0.9,
    quantizers: tuple[Quantizer, ...] | None = None,
    keep: str = "float_copy",
    biases: bool = True,
    seed: int = 0,
) -> Run:
    """Gradient descent with momentum in batches of 30 pictures: history = decay * history + gradient.

    quantizers: what the weights pass before they are used; None trains in float. keep: what is moved, a key of `KEPT`:
    "float_copy", "codes" (the quantized weights themselves), "levels" (those that weights share; the codes stay).
    biases: whether the float biases are moved as well. seed: of the order of the pictures.
    Raises WorkbenchError for an unknown `keep`.
    """
    if keep not in KEPT:
        raise WorkbenchError(f"keep={keep!r} is unknown; expected one of {', '.join(KEPT)}")
    pair = quantizers or (None, None)
    weights = [KEPT[keep](w, q) for w, q in zip(net.weights, pair, strict=True)]
    offsets = [KEPT["float_copy"](b, None) for b in net.biases]
    kept = [*weights, *offsets] if biases else weights
    histories = [np.zeros_like(each.used) for each in kept]
    random = np.random.default_rng(seed)

    def present() -> Net:
        return Net(tuple(w.used for w in weights), tuple(b.used for b in offsets))

    losses, changed = [present().loss(data.images, data.labels)], []
    for _ in range(epochs):
        before = present()
        for batch in random.permutation(len(data.labels)).reshape(-1, BATCH):
            of_weights, of_biases = present().gradients(data.images[batch], data.labels[batch])
            gradients = (of_weights + of_biases)[: len(kept)]
            histories = [decay * h + g for h, g in zip(histories, gradients, strict=True)]
            for each, history in zip(kept, histories, strict=True):
                each.move(history, rate)
        moved = [a != b for a, b in zip(before.weights, present().weights, strict=True)]
        losses.append(present().loss(data.images, data.labels))
        changed.append(np.concatenate([each.ravel() for each in moved]).mean())
    return Run(present(), np.array(losses), np.array(changed))
