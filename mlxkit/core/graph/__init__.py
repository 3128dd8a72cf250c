"""What a graph of operations holds in memory at its peak, told from names and shapes: nothing is computed."""
