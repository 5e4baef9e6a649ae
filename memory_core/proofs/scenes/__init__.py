"""The scenes of D3, each an operation of several steps with a judge of whatever cut it short."""
