"""What the memory costs, as ratios to floors that are measured in the same run."""
