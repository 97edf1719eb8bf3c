"""Bundles: a recipe and options to a deployable tree of files, in memory until it is written."""
