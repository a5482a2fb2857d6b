"""API v1. How to add a route is told in ``routing``."""
