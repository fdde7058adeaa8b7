"""The plugins that come with the scheduler, as ``SCHEDULER_PLUGINS`` lists them."""

ALL_PLUGINS = ",".join(
    (
        "scheduler_log_archive.plugin:LogArchivePlugin",
        "scheduler_monitoring.plugin:MonitoringPlugin",
        "scheduler_k8s_health.plugin:KubernetesHealthPlugin",
        "scheduler_notify.plugin:NotifyPlugin",
    )
)
