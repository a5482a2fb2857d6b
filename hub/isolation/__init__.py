"""Keeping connectors apart: what one of them does wrong must not stop the others, nor the hub.

The hub's own connectors run in its process, watched; those of third parties run in a process of their own each, and so
does, from then on, any that broke a budget. ``isolation`` puts it together; ``child`` is the other process.
"""
