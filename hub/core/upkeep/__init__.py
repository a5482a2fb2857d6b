"""What connections need at regular times, read from their rows: who is active, whose grant runs out."""
