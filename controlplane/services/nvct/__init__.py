"""Cloud Tasks: not built yet; only who asks is checked."""
