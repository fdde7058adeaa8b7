"""The settings of the notifications, each declared once."""

from email.errors import HeaderParseError
from email.headerregistry import Address
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, SecretStr

from scheduler.plugin_api.settings import (
    SECONDS,
    Names,
    Rule,
    SettingsConfigDict,
    SettingsModel,
    Unusable,
    Words,
    setting,
)
from scheduler.plugin_api.web_address import EXPECTED, ServerAddress
from scheduler_notify.addresses import (
    checked_teams_address,
    checked_web_address,
    is_protected,
)
from scheduler_notify.messages import Channel
from scheduler_notify.routes import Route, checked_routes, parse_routes
from scheduler_notify.signing import checked_signing_secret

WebAddress = Annotated[SecretStr, AfterValidator(checked_web_address)]
TeamsAddress = Annotated[SecretStr, AfterValidator(checked_teams_address)]
ADDRESSES = ("notify_slack_webhook_url", "notify_teams_webhook_url", "notify_webhook_url")


def _checked_mail(names: tuple[str, ...]) -> tuple[str, ...]:
    for number, name in enumerate(names, start=1):
        if not _is_mail_address(name):
            raise Unusable(f"mail addresses separated by commas; number {number} is none")
    return names


def _is_mail_address(text: str) -> bool:
    try:
        found = Address(addr_spec=text)
    except (ValueError, HeaderParseError, IndexError):
        return False
    return bool(found.username and found.domain) and text.isascii() and " " not in text


def _checked_from(text: str) -> str:
    if text:
        _checked_mail((text,))
    return text


def _protected(model: Any) -> bool:
    return bool(model.notify_allow_http) or all(
        is_protected(getattr(model, field).get_secret_value()) for field in ADDRESSES
    )


class NotifySettings(SettingsModel):
    """Where notices go, to whom what goes, and how long they are tried."""

    model_config = SettingsConfigDict(env_prefix="SCHEDULER_")
    group: ClassVar[Words] = Words("Notifications", "通知")
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            (*ADDRESSES, "notify_allow_http"),
            _protected,
            "A webhook's address must begin with https:// unless SCHEDULER_NOTIFY_ALLOW_HTTP is on",
        ),
        Rule(
            ("notify_webhook_url", "notify_webhook_secret"),
            lambda model: (
                not model.notify_webhook_url.get_secret_value()
                or bool(model.notify_webhook_secret.get_secret_value())
            ),
            "SCHEDULER_NOTIFY_WEBHOOK_URL needs SCHEDULER_NOTIFY_WEBHOOK_SECRET to sign with",
        ),
        Rule(
            ("notify_email_to", "notify_email_from", "notify_smtp_host"),
            lambda model: (
                not model.notify_email_to
                or bool(model.notify_email_from and model.notify_smtp_host)
            ),
            "Mail needs SCHEDULER_NOTIFY_EMAIL_FROM and SCHEDULER_NOTIFY_SMTP_HOST",
        ),
        Rule(
            ("notify_smtp_user", "notify_smtp_use_tls", "notify_allow_http"),
            lambda model: (
                not model.notify_smtp_user or model.notify_smtp_use_tls or model.notify_allow_http
            ),
            "A password is sent over TLS only: keep SCHEDULER_NOTIFY_SMTP_USE_TLS on",
        ),
    )

    notify_slack_webhook_url: WebAddress = setting(
        SecretStr(""),
        title=("Slack webhook", "Slack の Webhook"),
        meaning=(
            "The address of a Slack incoming webhook; empty: nothing goes to Slack.",
            "Slack の Incoming Webhook の URL。空なら Slack には送りません。",
        ),
        impact=(
            "Whoever knows it can post to the channel, so it is never shown.",
            "URL を知る人は誰でも投稿できるため、画面には表示されません。",
        ),
        example="https://hooks.slack.com/services/...",
        expects=("an https address", "https の URL"),
        secret=True,
    )
    notify_teams_webhook_url: TeamsAddress = setting(
        SecretStr(""),
        title=("Teams workflow", "Teams のワークフロー"),
        meaning=(
            "The address of a Teams workflow (Workflows app, a webhook that posts to a channel or "
            "chat); empty: nothing goes to Teams.",
            "Teams の Workflows アプリで作成した Webhook の URL。空なら Teams には送りません。",
        ),
        impact=(
            "Gets Adaptive Cards. The Office 365 connectors of old are retired and refused.",
            "アダプティブ カードを送ります。廃止された Office 365 コネクタの URL は使えません。",
        ),
        example="https://....environment.api.powerplatform.com/powerautomate/...",
        expects=("an https address of a workflow", "ワークフローの https の URL"),
        secret=True,
    )
    notify_webhook_url: WebAddress = setting(
        SecretStr(""),
        title=("Own webhook", "独自の Webhook"),
        meaning=(
            "An address that gets each notice as signed JSON; empty: none.",
            "通知を署名付き JSON で受け取る URL。空なら送りません。",
        ),
        impact=(
            "For systems of your own. Redirects are not followed.",
            "自社システムとの連携用です。リダイレクトには従いません。",
        ),
        example="https://hooks.example.com/scheduler",
        expects=("an https address", "https の URL"),
        secret=True,
    )
    notify_webhook_secret: Annotated[SecretStr, AfterValidator(checked_signing_secret)] = setting(
        SecretStr(""),
        title=("Signing secret of the own webhook", "独自 Webhook の署名鍵"),
        meaning=(
            "The key of the HMAC-SHA256 signature; whsec_ and base64, or plain text.",
            "HMAC-SHA256 署名の鍵。whsec_ に続く base64、または文字列で指定します。",
        ),
        impact=(
            "The receiver checks with it that a notice comes from this scheduler.",
            "受信側は、この鍵で通知の送信元を確かめます。",
        ),
        example="whsec_...",
        expects=("at least 24 characters", "24 文字以上"),
        secret=True,
    )
    notify_allow_http: bool = setting(
        False,
        title=("Allow unencrypted sending", "暗号化なしの送信を許可"),
        meaning=(
            "Webhooks may have http:// addresses, and mail a password without TLS.",
            "http:// の Webhook や、TLS なしでのメール認証を許可します。",
        ),
        impact=(
            "Addresses and passwords can be read on the way. This machine is always allowed.",
            "URL やパスワードが通信中に読まれるおそれがあります。自ホスト宛ては常に許可されます。",
        ),
        example="0",
    )
    notify_email_to: Annotated[Names, AfterValidator(_checked_mail)] = setting(
        (),
        title=("Mail to", "メールの宛先"),
        meaning=(
            "Who gets notices by mail; empty: nobody.",
            "通知メールの宛先。空ならメールを送りません。",
        ),
        impact=("All of them get every mail.", "全員に同じメールが届きます。"),
        example="ops@example.com,night@example.com",
        expects=("mail addresses separated by commas", "コンマ区切りのメールアドレス"),
    )
    notify_email_from: Annotated[str, AfterValidator(_checked_from)] = setting(
        "",
        title=("Mail from", "メールの差出人"),
        meaning=("The sender's address.", "差出人のメールアドレス。"),
        impact=(
            "The mail server must accept it; bounces go there.",
            "メールサーバーが許可するアドレスにしてください。不達の通知もここに届きます。",
        ),
        example="scheduler@example.com",
        expects=("one mail address", "メールアドレス 1 つ"),
    )
    notify_smtp_host: str = setting(
        "",
        title=("Mail server", "メールサーバー"),
        meaning=("The host of the SMTP server.", "SMTP サーバーのホスト名。"),
        impact=(
            "Its certificate must carry this name.",
            "サーバー証明書はこの名前と一致する必要があります。",
        ),
        example="smtp.example.com",
    )
    notify_smtp_port: int = setting(
        587,
        title=("Mail server's port", "メールサーバーのポート"),
        meaning=(
            "587 and others begin plain and change to TLS (STARTTLS); 465 is TLS from the start.",
            "587 などは STARTTLS、465 は最初から TLS で接続します。",
        ),
        impact=("A wrong one: no mail is sent.", "誤っているとメールは送られません。"),
        example="465",
        ge=1,
        le=65535,
    )
    notify_smtp_user: str = setting(
        "",
        title=("Mail server's user", "メールサーバーのユーザー"),
        meaning=("Empty: no login.", "空ならログインしません。"),
        impact=("Used with the password.", "パスワードと組み合わせて使います。"),
        example="scheduler",
    )
    notify_smtp_password: SecretStr = setting(
        SecretStr(""),
        title=("Mail server's password", "メールサーバーのパスワード"),
        meaning=("The password of the user.", "ユーザーのパスワード。"),
        impact=("Sent over TLS only.", "TLS 接続でのみ送信します。"),
        example="********",
        secret=True,
    )
    notify_smtp_use_tls: bool = setting(
        True,
        title=("Mail over TLS", "メールを TLS で送信"),
        meaning=(
            "Encrypt, and check the server's certificate.",
            "通信を暗号化し、サーバー証明書を検証します。",
        ),
        impact=(
            "Off: mail goes in the clear; only for a relay on this machine or a network you trust.",
            "無効にすると平文で送ります。信頼できる中継サーバーに限って使ってください。",
        ),
        example="1",
    )
    notify_routes: Annotated[str, AfterValidator(checked_routes)] = setting(
        "",
        title=("Routes", "通知ルート"),
        meaning=(
            "Who hears of what, as YAML or JSON; empty: warnings and errors go to every channel "
            "that is configured.",
            "誰に何を知らせるかを YAML か JSON で書きます。空なら、警告とエラーを設定済みの"
            "すべてのチャネルに送ります。",
        ),
        impact=(
            "A message goes to a channel at most once, by the first route that leads there.",
            "同じ知らせは 1 つのチャネルに 1 回だけ、最初に一致したルートで届きます。",
        ),
        example='[{"channels": ["slack"], "jobs": ["nightly-*"], "severities": ["error"]}]',
        expects=("a list of routes (docs/notifications.md)", "ルートの一覧"),
    )
    notify_language: Literal["ja", "en"] = setting(
        "ja",
        title=("Language of notices", "通知の言語"),
        meaning=("ja Japanese, en English.", "ja は日本語、en は英語。"),
        impact=("For all channels.", "全チャネル共通です。"),
        example="en",
    )
    notify_base_url: ServerAddress = setting(
        "",
        title=("Address of this site", "このサイトの URL"),
        meaning=(
            "Where people reach the site; notices then link to the run. Empty: no links.",
            "利用者がこのサイトを開く URL。通知に実行画面へのリンクが付きます。空なら付きません。",
        ),
        impact=("Links only.", "リンクだけに使います。"),
        example="https://scheduler.example.com",
        expects=EXPECTED,
    )
    notify_late_after_seconds: int = setting(
        300,
        title=("Late after", "遅延とみなす時間"),
        meaning=(
            "A run that is due for so long and has not started is told of, once; 0: never.",
            "予定時刻からこの時間を過ぎても始まらない実行を 1 回知らせます。0 なら知らせません。",
        ),
        impact=(
            "Runs that are held on purpose (pause, quarantine, limits, dependencies) are not late.",
            "意図的に保留している実行(一時停止、隔離、上限、依存関係)は遅延とみなしません。",
        ),
        example="600",
        ge=0,
        le=604_800,
        unit=SECONDS,
    )
    notify_give_up_after_seconds: int = setting(
        86_400,
        title=("Give up after", "送信をあきらめる時間"),
        meaning=(
            "A notice that could not be delivered for so long is given up.",
            "この時間送れなかった通知は、再送をやめます。",
        ),
        impact=(
            "It is kept, shown as dead by scheduler_notify, and can be queued again.",
            "記録は残り、scheduler_notify で確認・再送できます。",
        ),
        example="86400",
        ge=60,
        le=2_592_000,
        unit=SECONDS,
    )
    notify_keep_days: int = setting(
        30,
        title=("Notices kept", "通知の保存日数"),
        meaning=(
            "How long messages and notices are kept after they were settled.",
            "処理の終わった通知の記録を残す日数。",
        ),
        impact=("More needs more space.", "増やすとディスクを多く使います。"),
        example="30",
        ge=1,
        le=3650,
        unit=("days", "日"),
    )
    alert_webhook_token: SecretStr = setting(
        SecretStr(""),
        title=("Token of the Alertmanager webhook", "Alertmanager Webhook のトークン"),
        meaning=(
            "Alertmanager must send it to post to /api/alertmanager/webhook/; empty: nothing is "
            "taken.",
            "/api/alertmanager/webhook/ への送信に必要なトークン。空なら受け付けません。",
        ),
        impact=(
            "Sent as Authorization: Bearer, or X-Scheduler-Token.",
            "Authorization: Bearer または X-Scheduler-Token で送ります。",
        ),
        example="********",
        secret=True,
    )

    @property
    def routes(self) -> tuple[Route, ...]:
        """The routes in force."""
        return parse_routes(self.notify_routes)

    @property
    def configured(self) -> tuple[Channel, ...]:
        """The channels that can be sent to."""
        there: dict[Channel, bool] = {
            "slack": bool(self.notify_slack_webhook_url.get_secret_value()),
            "teams": bool(self.notify_teams_webhook_url.get_secret_value()),
            "mail": bool(self.notify_email_to),
            "webhook": bool(self.notify_webhook_url.get_secret_value()),
        }
        return tuple(channel for channel, is_there in there.items() if is_there)
