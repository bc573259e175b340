"""Parameter-efficient fine-tuning: small trainable parts put into a network that is frozen, and taken out again."""
