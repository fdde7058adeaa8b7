"""The Django project that composes the scheduler, its plugins and its pages into one site."""
