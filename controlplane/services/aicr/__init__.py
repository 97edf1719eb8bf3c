"""The AICR API: recipes, queries and bundles over HTTP."""
