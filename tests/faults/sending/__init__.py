"""Processes that send messages and are killed while they do."""
