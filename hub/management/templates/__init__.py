"""What a new organisation starts with, as data."""
