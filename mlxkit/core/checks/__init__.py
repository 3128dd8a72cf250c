"""Rules for weights that are to be published: from what was read to findings. No files, no network, no models."""
