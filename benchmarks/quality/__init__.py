"""What quantization costs: mlx-lm's files and mlxkit's, of equal size, judged by the same text."""
