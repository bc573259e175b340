"""Transfer learning that is fast on ordinary machines and honest about its results."""

__version__ = "0.1.0"
