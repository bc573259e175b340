"""Parameter-efficient fine-tuning: the backbone is frozen, and a small adapter learns beside the head."""
