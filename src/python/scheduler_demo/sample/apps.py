"""The sample app."""

from django.apps import AppConfig


class SampleConfig(AppConfig):
    """Its jobs are management commands; ``sample.jobs`` says when they run."""

    name = "scheduler_demo.sample"
    label = "scheduler_demo_sample"
    verbose_name = "Sample jobs"
