"""Differentiable terms on torch tensors: no modules, no state, no devices.

Imported by objectives only; nothing on the torch-free path imports this package.
"""
