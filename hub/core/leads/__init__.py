"""Leads, persons, submissions, journey and change history."""
