"""What self-supervised terms can be told to do, by name. Imports no torch: methods offer these as settings."""

PAIR_TASKS = ("nsp", "same-document", "sop")
"""What is asked of two segments: is the second what follows (label 0) or from elsewhere (1); is it of the same document
or of another; are they in order or swapped?"""
NOISES = ("gaussian", "masking", "salt-and-pepper", "downsampling", "warping")
TEXT_NOISES = ("deletion", "infilling")
UNITS = ("token", "word", "span")
"""What is masked as a whole."""
