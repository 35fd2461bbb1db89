"""Values as tensors have them, and the quantizers that the live figures are tried with."""

import numpy as np

N = 200_000


def tensors(n: int = N) -> dict[str, np.ndarray]:
    """float32 arrays by name; the same at every call."""
    rng = np.random.default_rng(11)
    gaussian = rng.standard_normal(n)
    return {
        "gaussian": gaussian.astype(np.float32),
        "laplace": rng.laplace(size=n).astype(np.float32),
        "relu": np.maximum(rng.standard_normal(n) - 0.3, 0).astype(np.float32),
        "relu6": np.clip(3 * rng.standard_normal(n) + 2, 0, 6).astype(np.float32),
        "student_t": rng.standard_t(4, size=n).astype(np.float32),
        "shifted": (0.7 * gaussian + 1.9).astype(np.float32),
        "pixels": ((rng.integers(0, 256, n) / 255 - 0.45) / 0.225).astype(np.float32),
        "small": rng.standard_normal(5_000).astype(np.float32),
        "ten": rng.standard_normal(10).astype(np.float32),
    }


def channels(n_channels: int = 48, n: int = 900) -> np.ndarray:
    """float32 (channels, n): weights whose channels differ in size."""
    rng = np.random.default_rng(12)
    sizes = np.exp(rng.standard_normal((n_channels, 1)))
    return (rng.standard_normal((n_channels, n)) * sizes).astype(np.float32)
