"""What keeps a demonstration from running."""


class DemoError(Exception):
    """The demonstration cannot go on; the text says what is wrong and what to do."""
