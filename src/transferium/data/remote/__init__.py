"""Data that lies elsewhere: URLs and archives, copied before they are read."""
