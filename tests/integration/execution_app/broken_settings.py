"""A project that cannot be loaded."""

INSTALLED_APPS = ["no_such_app"]
SECRET_KEY = "only for tests"
