"""`memory prove ROW`: each promise of the documentation as a run that could fail.

Every row injects real faults, counts those that really happened, and ends in one JSON line
`{"row", "n", "failures", "injected", "seed", "versions", "seconds"}`.
"""
