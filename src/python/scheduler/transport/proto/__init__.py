"""Generated from src/protos by scripts/generate_protos.py: never edited by hand."""
