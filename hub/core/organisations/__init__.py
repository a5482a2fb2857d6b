"""Organisations, their centres, people and roles."""
