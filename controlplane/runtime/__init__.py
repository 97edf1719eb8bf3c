"""What runs things: one protocol, several ways."""
