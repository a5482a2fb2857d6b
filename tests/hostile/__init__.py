"""Connectors that do what no connector may, beside two that do as they should."""
