"""The only training loop, and what it needs to know: views, objectives, stages, machines, checkpoints."""
