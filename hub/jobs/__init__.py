"""Durable work: polls, resolving, renewing, subscriptions, and the engine that runs them."""
