"""The hub's own forms for visitors: hosted pages, embeds and posts."""
