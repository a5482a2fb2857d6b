"""The mapping engine: from the answers of a source form to the values of a lead's master fields.

Pure: no I/O, no database, no clock. Of the hub it knows only the contract's models.
"""
