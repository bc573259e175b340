"""Classes that are told by words: what a masked language model says at a slot, and the two towers of CLIP."""
