"""The logs of runs in an object store that speaks S3."""
