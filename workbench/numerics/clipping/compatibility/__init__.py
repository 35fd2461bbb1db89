"""Other tools' KL-threshold searches, each exactly as that tool makes it; our own definition is `clipping.entropy`."""
