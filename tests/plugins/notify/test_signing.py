"""Signatures as the Standard Webhooks specification has them."""

from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from scheduler.plugin_api.settings import Unusable
from scheduler_notify.signing import checked_signing_secret, signed_headers

# The example of the specification's reference libraries.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"test": 2432232314}'
AT = datetime.fromtimestamp(1614265330, UTC)
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_reference_example_is_signed_alike():
    headers = signed_headers(SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", AT, BODY)
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": SIGNATURE,
    }


def test_another_body_time_or_id_has_another_signature():
    first = signed_headers(SECRET, "a", AT, BODY)["webhook-signature"]
    later = datetime.fromtimestamp(1614265331, UTC)
    others = [("a", AT, b"{}"), ("b", AT, BODY), ("a", later, BODY)]
    assert all(signed_headers(SECRET, *one)["webhook-signature"] != first for one in others)


@pytest.mark.parametrize("bad", ["short", "whsec_***not*base64*at*all***"])
def test_a_secret_that_is_weak_or_no_base64_is_refused_without_being_quoted(bad):
    with pytest.raises(Unusable) as caught:
        checked_signing_secret(SecretStr(bad))
    assert bad not in str(caught.value)


def test_plain_text_is_a_secret_too():
    text = "correct horse battery staple"
    assert checked_signing_secret(SecretStr(text)).get_secret_value() == text
    assert signed_headers(text, "a", AT, BODY)["webhook-signature"].startswith("v1,")
