"""Durable jobs as rows: what must still be done, when, how often it failed, and what was given up."""
