"""Recall as a list of stages: each file is one stage, `pipeline` runs them in order."""
