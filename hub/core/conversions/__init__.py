"""Conversion feedback: telling platforms which stages their leads reached, once each and in time."""
