"""Connections, their states, accounts and grants."""
