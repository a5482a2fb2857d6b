"""How far each source form has been read, and when it is read again."""
