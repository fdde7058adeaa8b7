"""Settings of the control line: address, ports and certificates."""

from typing import ClassVar

from scheduler.plugin_api.settings import Rule, Scope, SettingsModel, Words, setting

PORT_UNIT = ("TCP port", "TCP ポート")


class LineSettings(SettingsModel):
    """The gRPC line from the leader to the workers, and its mutual TLS."""

    group: ClassVar[Words] = Words("Control line (gRPC)", "制御回線 (gRPC)")
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            ("grpc_port_range_start", "grpc_port_range_end"),
            lambda s: s.grpc_port_range_start <= s.grpc_port_range_end,
            "SCHEDULER_GRPC_PORT_RANGE_START must not be greater than "
            "SCHEDULER_GRPC_PORT_RANGE_END",
        ),
    )

    grpc_host: str = setting(
        "127.0.0.1",
        title=("gRPC host", "gRPC ホスト"),
        meaning=(
            "The address this worker listens on and tells the leader.",
            "ワーカーが待ち受け、リーダーへ知らせるアドレスです。",
        ),
        impact=(
            "The leader must reach it: 127.0.0.1 works on one host only; in Kubernetes it is the "
            "pod's IP.",
            "リーダーから到達できる必要があります。127.0.0.1 は 1 台構成でだけ使えます。"
            "Kubernetes では Pod の IP を指定します。",
        ),
        example="10.42.0.17",
        restart_needed=True,
        scope=Scope.PROCESS,
    )
    grpc_port_range_start: int = setting(
        50051,
        title=("First gRPC port", "gRPC ポート範囲の先頭"),
        meaning=(
            "A worker without --grpc-port takes the first free port from here on.",
            "--grpc-port を指定しないワーカーは、ここから順に空きポートを探します。",
        ),
        impact=(
            "The range bounds how many workers one host can have.",
            "範囲の広さが、1 台のホストで動かせるワーカー数の上限になります。",
        ),
        example="50051",
        ge=1024,
        le=65535,
        unit=PORT_UNIT,
        restart_needed=True,
        scope=Scope.PROCESS,
    )
    grpc_port_range_end: int = setting(
        50150,
        title=("Last gRPC port", "gRPC ポート範囲の末尾"),
        meaning=(
            "The last port a worker tries, itself included.",
            "ワーカーが試す最後のポート(この値を含む)です。",
        ),
        impact=(
            "With no free port in the range the worker does not start, and says so.",
            "範囲内に空きポートがない場合、ワーカーはその旨を表示して起動を中止します。",
        ),
        example="50150",
        ge=1024,
        le=65535,
        unit=PORT_UNIT,
        restart_needed=True,
        scope=Scope.PROCESS,
    )
    tls_cert_file: str = setting(
        "/etc/scheduler/tls/tls.crt",
        title=("TLS certificate", "TLS 証明書"),
        meaning=(
            "File (PEM) with this worker's certificate, used as server and as client.",
            "ワーカーの証明書ファイル(PEM)。サーバーとクライアントの両方で使います。",
        ),
        impact=(
            "A new file is taken up without a restart. A missing or expired one stops the start.",
            "ファイルを差し替えると再起動なしで反映されます。無い、または期限切れの場合は起動を"
            "中止します。",
        ),
        example="dev-certs/tls.crt",
        restart_needed=True,
        scope=Scope.PROCESS,
    )
    tls_key_file: str = setting(
        "/etc/scheduler/tls/tls.key",
        title=("TLS private key", "TLS 秘密鍵"),
        meaning=(
            "File (PEM) with the private key of the certificate.",
            "証明書に対応する秘密鍵のファイル(PEM)です。",
        ),
        impact=(
            "Whoever has it can speak as this worker: keep it readable for the worker only.",
            "鍵を持つ者はこのワーカーになりすませます。ワーカーだけが読める権限にしてください。",
        ),
        example="dev-certs/tls.key",
        restart_needed=True,
        scope=Scope.PROCESS,
    )
    tls_ca_file: str = setting(
        "",
        title=("TLS authority", "TLS 認証局"),
        meaning=(
            "File (PEM) with the authority that signed the workers' certificates. Empty: the "
            "certificate is its own authority (self-signed).",
            "ワーカーの証明書に署名した認証局のファイル(PEM)。空の場合は、証明書自身を認証局と"
            "みなします(自己署名)。",
        ),
        impact=(
            "A peer whose certificate this authority did not sign is refused.",
            "この認証局が署名していない証明書を持つ相手との接続は拒否されます。",
        ),
        example="dev-certs/ca.crt",
        restart_needed=True,
        scope=Scope.PROCESS,
    )
    grpc_insecure: bool = setting(
        False,
        title=("gRPC without TLS", "TLS なしの gRPC"),
        meaning=(
            "Speak gRPC in plain text, with no proof of who the peer is.",
            "gRPC を暗号化せず、相手の確認も行わずに使います。",
        ),
        impact=(
            "Anyone who reaches the port can start commands. For a closed development host only.",
            "ポートに到達できる者は誰でもコマンドを起動できます。閉じた開発機でだけ使ってください。",
        ),
        example="0",
        restart_needed=True,
        scope=Scope.PROCESS,
    )
