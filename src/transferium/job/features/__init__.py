"""Features of a data set as files, and what is near in them."""
