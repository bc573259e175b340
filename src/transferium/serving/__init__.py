"""A saved model that answers over HTTP."""
