"""The process that owns what runs, and says who may use it."""
