"""What services of one vendor have in common: words, bodies, endpoints as tables, answers."""
