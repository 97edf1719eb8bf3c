"""Migrations of the store's schema, in order of their numbers. What is released never changes."""
