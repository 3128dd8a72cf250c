"""Meaning: pure functions and frozen types; no I/O, no clock, no MLX, no Click."""
