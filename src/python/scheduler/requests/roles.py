"""The roles of the people who operate the scheduler, as Django's groups of permissions.

=================  =============================================================================
group              may
=================  =============================================================================
app operator       see all but settings; edit jobs; run, cancel, repeat and backfill; post events
ops admin          the same, and: workers, pause, degrade; see and change settings (not secrets)
(superuser)        everything: users too, and secret settings
=================  =============================================================================

A migration's end brings the groups and what they lack; what was added to them by hand stays.
"""

from typing import Any

from django.contrib.auth.models import Group, Permission

APP_OPERATOR, OPS_ADMIN = "Scheduler app operator", "Scheduler ops admin"

_SEEN = ("jobdefinition", "jobrun", "jobrundetail", "runrequest", "backfill", "event", "cluster")
_OPERATED = {
    *(f"view_{model}" for model in (*_SEEN, "workerlease")),
    "add_jobdefinition",
    "change_jobdefinition",
    "delete_jobdefinition",
    "add_runrequest",
    "add_event",
}
_ADMINISTERED = {
    "change_cluster",
    "change_workerlease",
    "view_schedulersetting",
    "change_schedulersetting",
    "view_schedulersettinghelp",
    "view_configreloadrequest",
    "view_adminactionlog",
}
PERMISSIONS = {APP_OPERATOR: _OPERATED, OPS_ADMIN: _OPERATED | _ADMINISTERED}
"""Code names of the app ``scheduler``, by group."""


def ensure_roles(using: str = "default", **_: Any) -> None:
    """Make the groups where they are missing, and give them the permissions they lack."""
    ours = Permission.objects.using(using).filter(content_type__app_label="scheduler")
    for name, codenames in PERMISSIONS.items():
        group, _made = Group.objects.using(using).get_or_create(name=name)
        group.permissions.add(*ours.filter(codename__in=codenames))
