"""Plans, state, events and audit over HTTP."""
