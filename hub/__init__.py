"""Leadhub: captures every lead a business pays for and turns it into worked, assigned, converted leads."""
