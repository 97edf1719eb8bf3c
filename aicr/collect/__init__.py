"""What a snapshot is made of: one module per measurement type, each a function from text to facts
with a thin reader at its edge."""
