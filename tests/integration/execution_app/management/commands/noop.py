from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Does nothing."

    def handle(self, *args, **options):
        return None
