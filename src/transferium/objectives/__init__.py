"""Terms of a loss: small subclasses of ``training.loop.objective.Objective``, combined with ``+`` and ``weight *``."""
