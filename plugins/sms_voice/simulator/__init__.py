"""Providers imitated on loopback, one simulator each."""
