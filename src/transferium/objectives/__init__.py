"""Terms of a loss: small classes over ``training.objective.Objective`` that compose with ``+`` and ``weight *``."""
