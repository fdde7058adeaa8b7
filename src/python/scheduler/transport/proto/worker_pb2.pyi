from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Command(_message.Message):
    __slots__ = ("protocol_version", "epoch", "term_id", "leader_worker_id")
    PROTOCOL_VERSION_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    TERM_ID_FIELD_NUMBER: _ClassVar[int]
    LEADER_WORKER_ID_FIELD_NUMBER: _ClassVar[int]
    protocol_version: int
    epoch: int
    term_id: bytes
    leader_worker_id: str
    def __init__(self, protocol_version: _Optional[int] = ..., epoch: _Optional[int] = ..., term_id: _Optional[bytes] = ..., leader_worker_id: _Optional[str] = ...) -> None: ...

class PingRequest(_message.Message):
    __slots__ = ("command", "echo_nonce")
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    ECHO_NONCE_FIELD_NUMBER: _ClassVar[int]
    command: Command
    echo_nonce: int
    def __init__(self, command: _Optional[_Union[Command, _Mapping]] = ..., echo_nonce: _Optional[int] = ...) -> None: ...

class PingReply(_message.Message):
    __slots__ = ("worker_id", "nonce", "newest_epoch", "open_runs", "capacity", "accepting")
    WORKER_ID_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    NEWEST_EPOCH_FIELD_NUMBER: _ClassVar[int]
    OPEN_RUNS_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_FIELD_NUMBER: _ClassVar[int]
    ACCEPTING_FIELD_NUMBER: _ClassVar[int]
    worker_id: str
    nonce: int
    newest_epoch: int
    open_runs: int
    capacity: int
    accepting: bool
    def __init__(self, worker_id: _Optional[str] = ..., nonce: _Optional[int] = ..., newest_epoch: _Optional[int] = ..., open_runs: _Optional[int] = ..., capacity: _Optional[int] = ..., accepting: _Optional[bool] = ...) -> None: ...

class GetStatusRequest(_message.Message):
    __slots__ = ("protocol_version",)
    PROTOCOL_VERSION_FIELD_NUMBER: _ClassVar[int]
    protocol_version: int
    def __init__(self, protocol_version: _Optional[int] = ...) -> None: ...

class GetStatusReply(_message.Message):
    __slots__ = ("worker_id", "role", "newest_epoch", "open_runs", "capacity", "running", "deadline_in_seconds", "config_revision")
    WORKER_ID_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    NEWEST_EPOCH_FIELD_NUMBER: _ClassVar[int]
    OPEN_RUNS_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_IN_SECONDS_FIELD_NUMBER: _ClassVar[int]
    CONFIG_REVISION_FIELD_NUMBER: _ClassVar[int]
    worker_id: str
    role: str
    newest_epoch: int
    open_runs: int
    capacity: int
    running: _containers.RepeatedScalarFieldContainer[bytes]
    deadline_in_seconds: float
    config_revision: int
    def __init__(self, worker_id: _Optional[str] = ..., role: _Optional[str] = ..., newest_epoch: _Optional[int] = ..., open_runs: _Optional[int] = ..., capacity: _Optional[int] = ..., running: _Optional[_Iterable[bytes]] = ..., deadline_in_seconds: _Optional[float] = ..., config_revision: _Optional[int] = ...) -> None: ...

class RetryPolicy(_message.Message):
    __slots__ = ("max_attempts", "backoff_seconds", "backoff_factor", "backoff_max_seconds", "jitter", "retry_on_orphan", "max_orphans")
    MAX_ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    BACKOFF_SECONDS_FIELD_NUMBER: _ClassVar[int]
    BACKOFF_FACTOR_FIELD_NUMBER: _ClassVar[int]
    BACKOFF_MAX_SECONDS_FIELD_NUMBER: _ClassVar[int]
    JITTER_FIELD_NUMBER: _ClassVar[int]
    RETRY_ON_ORPHAN_FIELD_NUMBER: _ClassVar[int]
    MAX_ORPHANS_FIELD_NUMBER: _ClassVar[int]
    max_attempts: int
    backoff_seconds: float
    backoff_factor: float
    backoff_max_seconds: float
    jitter: float
    retry_on_orphan: bool
    max_orphans: int
    def __init__(self, max_attempts: _Optional[int] = ..., backoff_seconds: _Optional[float] = ..., backoff_factor: _Optional[float] = ..., backoff_max_seconds: _Optional[float] = ..., jitter: _Optional[float] = ..., retry_on_orphan: _Optional[bool] = ..., max_orphans: _Optional[int] = ...) -> None: ...

class StartOrder(_message.Message):
    __slots__ = ("run_id", "assign_seq", "start_in_seconds", "definition_id", "job_name", "attempt", "orphan_count", "slot_key", "scheduled_for_unix_us", "executor", "command", "args_json", "isolation", "timeout_seconds", "kill_grace_seconds", "retry", "event_id")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    ASSIGN_SEQ_FIELD_NUMBER: _ClassVar[int]
    START_IN_SECONDS_FIELD_NUMBER: _ClassVar[int]
    DEFINITION_ID_FIELD_NUMBER: _ClassVar[int]
    JOB_NAME_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    ORPHAN_COUNT_FIELD_NUMBER: _ClassVar[int]
    SLOT_KEY_FIELD_NUMBER: _ClassVar[int]
    SCHEDULED_FOR_UNIX_US_FIELD_NUMBER: _ClassVar[int]
    EXECUTOR_FIELD_NUMBER: _ClassVar[int]
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    ARGS_JSON_FIELD_NUMBER: _ClassVar[int]
    ISOLATION_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    KILL_GRACE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    RETRY_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    run_id: bytes
    assign_seq: int
    start_in_seconds: float
    definition_id: int
    job_name: str
    attempt: int
    orphan_count: int
    slot_key: str
    scheduled_for_unix_us: int
    executor: str
    command: str
    args_json: str
    isolation: str
    timeout_seconds: float
    kill_grace_seconds: float
    retry: RetryPolicy
    event_id: bytes
    def __init__(self, run_id: _Optional[bytes] = ..., assign_seq: _Optional[int] = ..., start_in_seconds: _Optional[float] = ..., definition_id: _Optional[int] = ..., job_name: _Optional[str] = ..., attempt: _Optional[int] = ..., orphan_count: _Optional[int] = ..., slot_key: _Optional[str] = ..., scheduled_for_unix_us: _Optional[int] = ..., executor: _Optional[str] = ..., command: _Optional[str] = ..., args_json: _Optional[str] = ..., isolation: _Optional[str] = ..., timeout_seconds: _Optional[float] = ..., kill_grace_seconds: _Optional[float] = ..., retry: _Optional[_Union[RetryPolicy, _Mapping]] = ..., event_id: _Optional[bytes] = ...) -> None: ...

class StartRunsRequest(_message.Message):
    __slots__ = ("command", "orders")
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    ORDERS_FIELD_NUMBER: _ClassVar[int]
    command: Command
    orders: _containers.RepeatedCompositeFieldContainer[StartOrder]
    def __init__(self, command: _Optional[_Union[Command, _Mapping]] = ..., orders: _Optional[_Iterable[_Union[StartOrder, _Mapping]]] = ...) -> None: ...

class Refusal(_message.Message):
    __slots__ = ("run_id", "code")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    run_id: bytes
    code: str
    def __init__(self, run_id: _Optional[bytes] = ..., code: _Optional[str] = ...) -> None: ...

class StartRunsReply(_message.Message):
    __slots__ = ("accepted", "refused")
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    accepted: _containers.RepeatedScalarFieldContainer[bytes]
    refused: _containers.RepeatedCompositeFieldContainer[Refusal]
    def __init__(self, accepted: _Optional[_Iterable[bytes]] = ..., refused: _Optional[_Iterable[_Union[Refusal, _Mapping]]] = ...) -> None: ...

class CancelRunsRequest(_message.Message):
    __slots__ = ("command", "run_ids")
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    RUN_IDS_FIELD_NUMBER: _ClassVar[int]
    command: Command
    run_ids: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, command: _Optional[_Union[Command, _Mapping]] = ..., run_ids: _Optional[_Iterable[bytes]] = ...) -> None: ...

class CancelRunsReply(_message.Message):
    __slots__ = ("run_ids",)
    RUN_IDS_FIELD_NUMBER: _ClassVar[int]
    run_ids: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, run_ids: _Optional[_Iterable[bytes]] = ...) -> None: ...

class DrainRequest(_message.Message):
    __slots__ = ("command", "drain")
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    DRAIN_FIELD_NUMBER: _ClassVar[int]
    command: Command
    drain: bool
    def __init__(self, command: _Optional[_Union[Command, _Mapping]] = ..., drain: _Optional[bool] = ...) -> None: ...

class DrainReply(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ReloadConfigRequest(_message.Message):
    __slots__ = ("command", "revision")
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    command: Command
    revision: int
    def __init__(self, command: _Optional[_Union[Command, _Mapping]] = ..., revision: _Optional[int] = ...) -> None: ...

class ReloadConfigReply(_message.Message):
    __slots__ = ("revision",)
    REVISION_FIELD_NUMBER: _ClassVar[int]
    revision: int
    def __init__(self, revision: _Optional[int] = ...) -> None: ...

class ConfirmContinuationRequest(_message.Message):
    __slots__ = ("command", "run_ids")
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    RUN_IDS_FIELD_NUMBER: _ClassVar[int]
    command: Command
    run_ids: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, command: _Optional[_Union[Command, _Mapping]] = ..., run_ids: _Optional[_Iterable[bytes]] = ...) -> None: ...

class ConfirmContinuationReply(_message.Message):
    __slots__ = ("run_ids",)
    RUN_IDS_FIELD_NUMBER: _ClassVar[int]
    run_ids: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, run_ids: _Optional[_Iterable[bytes]] = ...) -> None: ...

class ReadLogRequest(_message.Message):
    __slots__ = ("protocol_version", "run_id", "offset", "limit")
    PROTOCOL_VERSION_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    protocol_version: int
    run_id: bytes
    offset: int
    limit: int
    def __init__(self, protocol_version: _Optional[int] = ..., run_id: _Optional[bytes] = ..., offset: _Optional[int] = ..., limit: _Optional[int] = ...) -> None: ...

class ReadLogReply(_message.Message):
    __slots__ = ("data", "next_offset", "size", "finished")
    DATA_FIELD_NUMBER: _ClassVar[int]
    NEXT_OFFSET_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    FINISHED_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    next_offset: int
    size: int
    finished: bool
    def __init__(self, data: _Optional[bytes] = ..., next_offset: _Optional[int] = ..., size: _Optional[int] = ..., finished: _Optional[bool] = ...) -> None: ...

class ErrorDetail(_message.Message):
    __slots__ = ("code", "message", "epoch", "newest_epoch", "leader_worker_id")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    NEWEST_EPOCH_FIELD_NUMBER: _ClassVar[int]
    LEADER_WORKER_ID_FIELD_NUMBER: _ClassVar[int]
    code: str
    message: str
    epoch: int
    newest_epoch: int
    leader_worker_id: str
    def __init__(self, code: _Optional[str] = ..., message: _Optional[str] = ..., epoch: _Optional[int] = ..., newest_epoch: _Optional[int] = ..., leader_worker_id: _Optional[str] = ...) -> None: ...
