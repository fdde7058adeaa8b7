"""Fakes that pass the same contract tests as the real parts; nothing shipped imports them."""
