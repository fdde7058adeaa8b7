#!/usr/bin/env python3
"""Posts an event to the scheduler, and prints its answer: which runs follow.

Python's standard library only: copy this file to any machine with Python 3.9 or later.
"""

import argparse
import json
import os
import sys
import time
import uuid
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

PATH = "/api/events/ingest/"
TOKEN, URL = "SCHEDULER_EVENTS_API_TOKEN", "SCHEDULER_URL"
DEFAULT_URL = "http://127.0.0.1:8000"
REFUSED, BAD_INPUT, UNREACHABLE = 1, 2, 3
EPILOG = f"""\
environment:
  {URL}               where the scheduler's web process is (default: {DEFAULT_URL})
  {TOKEN}  the secret of a token with the scope events:write; it is never
                              taken from the command line, where others can read it

examples:
  ingest_event.py order.created --payload '{{"id": 42, "total": 1200}}'
  ingest_event.py order.created --source /shop --subject 42 --dedupe-key order-42
  ingest_event.py --file events.json          one event, or a list, as the API takes them
  some-program | ingest_event.py report.ready --payload-file -

Sending again is safe: each event has a dedupe key (a random one, if you give none), and what the
scheduler has taken before it answers with the first event's id. So failures of the network, 429 and
5xx are tried again.

exit codes:
  0  taken now or before; the answer is on standard output
  1  refused (4xx); the reason is on standard error
  2  bad arguments, or no token
  3  the scheduler did not answer, or failed (5xx), at every try
"""


class NoRedirects(HTTPRedirectHandler):
    """A redirect would carry the token to wherever it points."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def main(argv: Any = None) -> int:
    """Post what the arguments say; returns the exit code."""
    parser = make_parser()
    options = parser.parse_args(argv)
    token = os.environ.get(TOKEN, "").strip()
    if not token:
        return fail(BAD_INPUT, f"{TOKEN} is not set; scheduler_token create makes a token.")
    base = (options.url or os.environ.get(URL) or DEFAULT_URL).rstrip("/")
    if urlsplit(base).scheme not in ("http", "https") or not urlsplit(base).netloc:
        return fail(BAD_INPUT, f"{base!r} is no URL; write http://host:port or https://host.")
    try:
        body = json.dumps(events_of(options)).encode()
    except (OSError, ValueError) as error:
        return fail(BAD_INPUT, f"{error}.")
    return post(base + PATH, body, token, options)


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ingest_event.py",
        description=(__doc__ or "").splitlines()[0],
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("type", nargs="?", help="the event's type, such as order.created")
    parser.add_argument("--payload", metavar="JSON", help="what the event says")
    parser.add_argument("--payload-file", metavar="FILE", help="the same from a file; -: stdin")
    parser.add_argument("--source", help="who it comes from, such as /shop")
    parser.add_argument("--subject", help="what it is about, such as an order's number")
    parser.add_argument("--dedupe-key", metavar="KEY", help="the same key: the same event")
    parser.add_argument("--occurred-at", metavar="TIME", help="RFC 3339, with its offset from UTC")
    parser.add_argument("--file", metavar="FILE", help="whole events instead; -: stdin")
    parser.add_argument("--url", help=f"in place of {URL}")
    parser.add_argument("--tries", type=int, default=5, metavar="N", help="at most (default: 5)")
    parser.add_argument(
        "--timeout", type=float, default=10.0, metavar="SECONDS", help="of each try (default: 10)"
    )
    return parser


def events_of(options: argparse.Namespace) -> Any:
    """What is posted. Raises OSError, or ValueError with a sentence."""
    if options.file:
        if options.type:
            raise ValueError("give a type or --file, not both")
        return with_keys(read_json(options.file, "--file"))
    if not options.type:
        raise ValueError("give the event's type, or --file")
    if options.payload is not None and options.payload_file:
        raise ValueError("give --payload or --payload-file, not both")
    event = {
        "type": options.type,
        "source": options.source,
        "subject": options.subject,
        "dedupe_key": options.dedupe_key,
        "occurred_at": options.occurred_at,
    }
    if options.payload is not None:
        event["payload"] = parse_json(options.payload, "--payload")
    elif options.payload_file:
        event["payload"] = read_json(options.payload_file, "--payload-file")
    return with_keys({name: value for name, value in event.items() if value is not None})


def with_keys(events: Any) -> Any:
    """Each event with a dedupe key, so that a second try makes no second event."""
    if isinstance(events, list):
        return [with_keys(event) for event in events]
    if isinstance(events, dict) and not events.get("dedupe_key"):
        return {**events, "dedupe_key": str(uuid.uuid4())}
    return events


def read_json(name: str, option: str) -> Any:
    text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    return parse_json(text, option)


def parse_json(text: str, option: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"{option} is no JSON ({error})") from None


def post(url: str, body: bytes, token: str, options: argparse.Namespace) -> int:
    """Send it until it is taken, refused, or the tries are used up."""
    headers = {"Content-Type": "application/json", "X-Scheduler-Token": token}
    reason = "no try was made"
    for number in range(1, max(1, options.tries) + 1):
        wait = min(2.0 ** (number - 1), 30.0)
        try:
            # main() lets http and https through, no other scheme.
            request = Request(url, data=body, headers=headers, method="POST")  # noqa: S310
            with build_opener(NoRedirects).open(request, timeout=options.timeout) as answer:
                sys.stdout.write(answer.read().decode("utf-8") + "\n")
                return 0
        except HTTPError as error:
            reason = sentence_of(error)
            if error.code != 429 and error.code < 500:
                return fail(REFUSED, reason)
            wait = max(wait, retry_after(error))
        except (URLError, OSError, HTTPException, ValueError) as error:
            reason = f"{url} did not answer ({getattr(error, 'reason', error)})"
        if number < options.tries:
            sys.stderr.write(f"try {number}: {reason}; again in {wait:g} s\n")
            time.sleep(wait)
    return fail(UNREACHABLE, reason)


def sentence_of(error: HTTPError) -> str:
    """The problem's own sentence (RFC 9457), or the status."""
    if 300 <= error.code < 400:
        return f"{error.url} answers with a redirect ({error.code}); correct {URL}"
    try:
        return str(json.loads(error.read().decode("utf-8"))["detail"])
    except (ValueError, KeyError, TypeError, OSError):
        return f"{error.url} answered {error.code} {error.reason}"


def retry_after(error: HTTPError) -> float:
    text = error.headers.get("Retry-After", "")
    return min(float(text), 120.0) if text.isdigit() else 0.0


def fail(code: int, sentence: str) -> int:
    sys.stderr.write(f"ingest_event.py: {sentence}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
