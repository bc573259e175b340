"""The only training loop and its parts: views, objectives, stages, machines, checkpoints."""
