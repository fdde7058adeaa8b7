"""The REST API under ``/api/v1/``: what people and machines may see and ask for.

Each module is one part of the API; ``application`` puts them together. Reading goes through
``scheduler.queries``, changes through ``scheduler.requests``, which records each of them.
"""
