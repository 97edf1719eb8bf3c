"""`samples.aicr.local/true`: ends at once, and well."""
