"""The outside, one door per dependency; each door turns its dependency's exceptions into ours."""
