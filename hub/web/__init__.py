"""The hub over HTTP: API v1, inbound endpoints, public forms."""
