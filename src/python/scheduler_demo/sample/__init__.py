"""A small Django app with jobs of every temper, as a team's own project would have."""
