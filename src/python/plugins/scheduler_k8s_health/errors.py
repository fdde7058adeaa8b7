"""Why the Kubernetes API gave no answer that can be used: one sentence each, without secrets."""

from typing import ClassVar

from scheduler.plugin_api.errors import SchedulerError

RBAC = "deploy/k3s/k8s-health/rbac"


class KubernetesProblem(SchedulerError):
    """The root of this plugin's errors. ``server_at_fault``: the API server itself is in trouble,
    rather than our way of asking it."""

    code: ClassVar[str] = "KUBERNETES_PROBLEM"
    server_at_fault: ClassVar[bool] = False


class OutsideCluster(KubernetesProblem):
    """This process has no service account: it is in no pod, or its token is not mounted."""

    code: ClassVar[str] = "KUBERNETES_OUTSIDE_CLUSTER"

    def __init__(self, missing: str) -> None:
        self.missing = missing
        super().__init__(
            f"SCHEDULER_DEPLOYMENT is k8s, but this process has no credentials of a pod ({missing})"
            "; run it in a pod with automountServiceAccountToken: true, or set"
            " SCHEDULER_DEPLOYMENT=local."
        )


class TokenRefused(KubernetesProblem):
    """Status 401: the API server does not know the service account's token."""

    code: ClassVar[str] = "KUBERNETES_TOKEN_REFUSED"

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(
            f"The API server refused the service account's token when asked for {what} (401);"
            " check that the pod's ServiceAccount still exists, and restart the pod if it was"
            " made anew."
        )


class AccessDenied(KubernetesProblem):
    """Status 403: RBAC does not grant what is asked. ``verb`` and ``what`` are what it lacks."""

    code: ClassVar[str] = "KUBERNETES_ACCESS_DENIED"

    def __init__(self, verb: str, what: str, namespace: str | None) -> None:
        self.verb, self.what, self.namespace = verb, what, namespace
        where = f" in namespace {namespace}" if namespace else ""
        super().__init__(
            f"RBAC does not allow this service account to {verb} {what}{where} (403); apply {RBAC}."
        )


class NotServed(KubernetesProblem):
    """Status 404: the API server has no such path."""

    code: ClassVar[str] = "KUBERNETES_NOT_SERVED"

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(
            f"The API server does not serve {what} (404); Kubernetes 1.21 or later is needed, and"
            " nothing between this pod and the API server may cut paths off."
        )


class ServerFailed(KubernetesProblem):
    """Status 5xx, or 429: the API server could not answer now."""

    code: ClassVar[str] = "KUBERNETES_SERVER_FAILED"
    server_at_fault: ClassVar[bool] = True

    def __init__(self, what: str, status: int) -> None:
        self.what, self.status = what, status
        super().__init__(
            f"The API server failed when asked for {what} (status {status});"
            " look at the control plane's own log."
        )


class DidNotAnswerInTime(KubernetesProblem):
    """No whole answer within ``SCHEDULER_K8S_TIMEOUT_SECONDS``."""

    code: ClassVar[str] = "KUBERNETES_TIMED_OUT"
    server_at_fault: ClassVar[bool] = True

    def __init__(self, what: str, seconds: float) -> None:
        self.what, self.seconds = what, seconds
        super().__init__(
            f"The API server did not answer within {seconds:g} s when asked for {what};"
            " check the control plane and the network policies of this namespace."
        )


class Unreachable(KubernetesProblem):
    """No connection to the API server, or one that broke."""

    code: ClassVar[str] = "KUBERNETES_UNREACHABLE"
    server_at_fault: ClassVar[bool] = True

    def __init__(self, address: str, why: str) -> None:
        self.address, self.why = address, why
        super().__init__(
            f"The API server at {address} cannot be reached ({why});"
            " check the control plane and the network policies of this namespace."
        )


class CertificateRefused(KubernetesProblem):
    """The API server's certificate is not one that the cluster's CA vouches for."""

    code: ClassVar[str] = "KUBERNETES_CERTIFICATE_REFUSED"
    server_at_fault: ClassVar[bool] = True

    def __init__(self, address: str, why: str) -> None:
        self.address, self.why = address, why
        super().__init__(
            f"TLS with the API server at {address} failed ({why}); it must show a certificate of"
            " the CA in the pod's service account (ca.crt): restart the pod if that CA was changed."
        )


class MalformedAnswer(KubernetesProblem):
    """An answer that is none of Kubernetes', or too large to be read."""

    code: ClassVar[str] = "KUBERNETES_MALFORMED_ANSWER"

    def __init__(self, what: str, why: str) -> None:
        self.what, self.why = what, why
        super().__init__(
            f"The answer for {what} is not what Kubernetes sends ({why});"
            " check what answers at KUBERNETES_SERVICE_HOST."
        )


class BadSelector(KubernetesProblem):
    """Status 400 for a list: the API server does not take the label selector."""

    code: ClassVar[str] = "KUBERNETES_BAD_SELECTOR"

    def __init__(self, what: str, selector: str) -> None:
        self.what, self.selector = what, selector
        super().__init__(
            f"The API server does not take the label selector {selector!r} for {what} (400);"
            " correct SCHEDULER_K8S_POD_SELECTOR."
        )
