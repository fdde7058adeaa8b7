"""As little Django as a management command needs."""

SECRET_KEY = "only for tests"
INSTALLED_APPS = ["tests.integration.execution_app"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
USE_TZ = True
