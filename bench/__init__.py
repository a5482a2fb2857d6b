"""Benchmarks: each measures its own baseline in the same run, alternating, and reports ratios with their spread."""
