"""The hub's own forms: drafts, published versions, public keys."""
