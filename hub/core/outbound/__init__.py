"""Messages that leave: asked for in the caller's transaction, sent at most once, and followed by what the platform
tells of them."""
