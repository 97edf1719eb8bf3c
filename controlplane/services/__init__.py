"""One folder per API, the same file names in each; never between two of them."""
