"""Who may use which instance now, and who is next."""
