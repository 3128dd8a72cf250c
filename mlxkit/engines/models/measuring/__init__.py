"""Measuring: how sensitive each unit is, and how far other weights are from the original's answers."""
