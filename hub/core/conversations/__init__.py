"""Conversations: the threads that messages and calls belong to, and their pieces."""
