"""``SCHEDULER_*`` names that are known without a core setting of that name.

The shipped plugins' settings are declared by the plugins. Their names stand here so that a
variable for a plugin that is not switched on is not taken for a spelling mistake.
"""

SHIPPED_PLUGIN_NAMES: dict[str, tuple[str, ...]] = {
    "log_archive": (
        "SCHEDULER_LOG_ARCHIVE_ENABLED",
        "SCHEDULER_LOG_ARCHIVE_S3_ENDPOINT_URL",
        "SCHEDULER_LOG_ARCHIVE_S3_REGION",
        "SCHEDULER_LOG_ARCHIVE_BUCKET",
        "SCHEDULER_LOG_ARCHIVE_PREFIX",
        "SCHEDULER_LOG_ARCHIVE_PUBLIC_BASE_URL",
        "SCHEDULER_LOG_ARCHIVE_ACCESS_KEY_ID",
        "SCHEDULER_LOG_ARCHIVE_SECRET_ACCESS_KEY",
        "SCHEDULER_LOG_LOCAL_DELETE_AFTER_UPLOAD",
    ),
    "monitoring": (
        "SCHEDULER_PROMETHEUS_URL",
        "SCHEDULER_ALERTMANAGER_URL",
        "SCHEDULER_METRICS_TOKEN",
        "SCHEDULER_ALERT_HIGH_LOAD_ENABLED",
        "SCHEDULER_ALERT_ROLE_CHANGE_ENABLED",
        "SCHEDULER_ALERT_WEBHOOK_TOKEN",
    ),
    "k8s_health": (
        "SCHEDULER_K8S_POD_SELECTOR",
        "SCHEDULER_K8S_NAMESPACE",
        "SCHEDULER_K8S_TIMEOUT_SECONDS",
        "SCHEDULER_K8S_CACHE_SECONDS",
        "SCHEDULER_K8S_RECENT_SECONDS",
        "SCHEDULER_K8S_LIVEZ_HUNG_SECONDS",
    ),
    "notify": (
        "SCHEDULER_NOTIFY_SLACK_WEBHOOK_URL",
        "SCHEDULER_NOTIFY_TEAMS_WEBHOOK_URL",
        "SCHEDULER_NOTIFY_EMAIL_TO",
        "SCHEDULER_NOTIFY_EMAIL_FROM",
        "SCHEDULER_NOTIFY_SMTP_HOST",
        "SCHEDULER_NOTIFY_SMTP_PORT",
        "SCHEDULER_NOTIFY_SMTP_USER",
        "SCHEDULER_NOTIFY_SMTP_PASSWORD",
        "SCHEDULER_NOTIFY_SMTP_USE_TLS",
    ),
}

JOB_NAMES = (
    "SCHEDULER_ARGS_JSON",
    "SCHEDULER_JOB_RUN_ID",
    "SCHEDULER_JOB_NAME",
    "SCHEDULER_WORKER_ID",
    "SCHEDULER_ATTEMPT",
    "SCHEDULER_FENCING_TOKEN",
    "SCHEDULER_SCHEDULED_FOR",
    "SCHEDULER_EVENT_JSON",
)
"""What every run finds in its environment (``domain.launching``)."""

KNOWN_NAMES = frozenset(JOB_NAMES).union(*SHIPPED_PLUGIN_NAMES.values())
