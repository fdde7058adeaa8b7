"""Kubernetes health: what the cluster says of itself and of our pods, and the probes."""
