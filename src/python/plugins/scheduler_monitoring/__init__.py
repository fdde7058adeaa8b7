"""Monitoring: /metrics, Prometheus, Alertmanager, alert rules, and a trace of each run."""
