"""Desired state, plans, and the server. May import aicr; aicr never imports this."""
