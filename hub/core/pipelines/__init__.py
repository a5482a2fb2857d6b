"""Pipelines and their stages, lead sources and lead types."""
