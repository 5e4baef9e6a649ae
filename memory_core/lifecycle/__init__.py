"""What happens to memories over time: rating, admission, consolidation, forgetting."""
