"""What a setting takes for the address of a server."""

import pytest

from scheduler.plugin_api.web_address import checked_server, is_web_address


@pytest.mark.parametrize(
    "address",
    [
        "prometheus:9090",
        "ftp://prometheus",
        "http://",
        "http://me:secret@prometheus:9090",
        "http://prometheus:9090/?x=1",
        "http://prometheus:9090/#x",
        "file:///etc/passwd",
        "http://prometheus:99999",
        "http://prometheus:0",
        "http://[::1",
        "http://pro metheus",
        "http://prometheus/\u202e",
    ],
)
def test_what_is_no_plain_web_address_is_refused(address):
    with pytest.raises(ValueError):
        checked_server(address)


@pytest.mark.parametrize("address", ["", "http://prometheus:9090/", "https://a.example/prom"])
def test_an_address_is_kept_without_its_last_slash(address):
    assert checked_server(address) == address.rstrip("/")


def test_an_address_may_have_a_query_where_no_server_is_meant():
    assert is_web_address("https://hooks.example/a?key=b")
