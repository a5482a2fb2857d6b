"""A strict authorisation server, a connector for it, and processes that renew at it."""
