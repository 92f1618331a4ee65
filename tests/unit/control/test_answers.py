"""What the control socket answers to each request, in the original's words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from plait.model.errors import StoreError, UnknownOutcomeError

if TYPE_CHECKING:
    from tests.unit.control.conftest import Fake

    from plait.replication.control.endpoints import Endpoints


START = 1_795_226_531_870_991_641


HUGE = 10**20 - 1


STEP = 1_795_226_594_874_415_141


def post(endpoints: Endpoints, path: str, body: str) -> tuple[int, str]:
    answer = endpoints.answer("POST", path, {}, body.encode())
    assert answer.content_type == "application/json"
    assert answer.body.endswith(b"\n")
    return answer.status, answer.body.decode()[:-1]


@pytest.mark.parametrize(
    ("path", "body", "status", "wanted"),
    [
        (
            "/sync",
            '{"path":"a.db"}',
            200,
            '{"status":"synced_local","path":"/d/a.db","txid":5,"replicated_txid":4}',
        ),
        (
            "/sync",
            '{"PATH":"/d/a.db","Wait":true} x',
            200,
            '{"status":"synced","path":"/d/a.db","txid":5,"replicated_txid":5}',
        ),
        ("/sync", '{"path":"/nope.db","wait":true}', 404, '{"error":"database not found: /nope.db"}'),
        ("/sync", '{"path":""}', 400, '{"error":"path required"}'),
        ("/sync", "{}", 400, '{"error":"path required"}'),
        ("/sync", "null", 400, '{"error":"path required"}'),
        ("/sync", "", 400, '{"error":"invalid request body","details":"EOF"}'),
        (
            "/sync",
            "junk",
            400,
            '{"error":"invalid request body","details":"invalid character \'j\' looking for beginning of value"}',
        ),
        *[
            ("/sync", body, 400, f'{{"error":"invalid request body","details":{json.dumps(details)}}}')
            for body, details in [
                ("[]", "json: cannot unmarshal array into Go value of type litestream.SyncRequest"),
                ('{"path":true}', "json: cannot unmarshal bool into Go struct field SyncRequest.path of type string"),
                ('{"path":1}', "json: cannot unmarshal number into Go struct field SyncRequest.path of type string"),
                (
                    '{"timeout":1e3}',
                    "json: cannot unmarshal number 1e3 into Go struct field SyncRequest.timeout of type int",
                ),
                (
                    f'{{"timeout":{HUGE}}}',
                    f"json: cannot unmarshal number {HUGE} into Go struct field SyncRequest.timeout of type int",
                ),
                ('{"wait":1}', "json: cannot unmarshal number into Go struct field SyncRequest.wait of type bool"),
                ('{"path" "x"}', "invalid character '\"' after object key"),
                ('{"path":"x",}', "invalid character '}' looking for beginning of object key string"),
                ('{"path":"x" 5}', "invalid character '5' after object key:value pair"),
                ('{"path":"x"', "unexpected EOF"),
                ("tru", "unexpected EOF"),
                ('"abc', "unexpected EOF"),
            ]
        ],
        ("/start", '{"path":"a.db"}', 200, '{"status":"already_running","path":"/d/a.db","txid":5}'),
        ("/stop", '{"path":"a.db"}', 200, '{"status":"stopped","path":"/d/a.db","txid":5}'),
        ("/start", '{"path":"x"}', 500, '{"error":"database not found: /d/x"}'),
        ("/stop", '{"path":"x"}', 500, '{"error":"database not found: /d/x"}'),
        ("/register", '{"path":"b.db"}', 400, '{"error":"replica_url required"}'),
        (
            "/register",
            '{"path":"b.db","replica_url":"zzz://x"}',
            400,
            '{"error":"invalid replica url: unsupported replica URL scheme: \\"zzz\\""}',
        ),
        (
            "/register",
            '{"path":"b.db","replica_url":"/tmp/x"}',
            400,
            '{"error":"invalid replica url: replica url scheme required: /tmp/x"}',
        ),
        ("/register", '{"path":"b.db","replica_url":"file:///x"}', 200, '{"status":"registered","path":"/d/b.db"}'),
        (
            "/register",
            '{"path":"a.db","replica_url":"file:///x"}',
            200,
            '{"status":"already_registered","path":"/d/a.db"}',
        ),
        ("/unregister", '{"path":"a.db"}', 200, '{"status":"unregistered","path":"/d/a.db","txid":5}'),
        ("/unregister", '{"path":"x.db"}', 200, '{"status":"already_unregistered","path":"/d/x.db","txid":5}'),
    ],
)
def test_a_request_has_the_originals_answer(
    endpoints: Endpoints, path: str, body: str, status: int, wanted: str
) -> None:
    assert post(endpoints, path, body) == (status, wanted)


def test_a_stopped_database_is_told_from_an_unknown_one(endpoints: Endpoints) -> None:
    post(endpoints, "/stop", '{"path":"a.db"}')
    assert post(endpoints, "/sync", '{"path":"a.db"}') == (409, '{"error":"database not open: /d/a.db"}')


@pytest.mark.parametrize(
    ("body", "timeout"),
    [
        ('"wait":true', 30.0),
        ('"wait":false', None),
        ('"wait":true,"timeout":5', 5.0),
        ('"wait":true,"timeout":-1', None),
    ],
)
def test_the_time_of_a_sync_is_what_was_asked_for(
    endpoints: Endpoints, daemon: Fake, body: str, timeout: float | None
) -> None:
    post(endpoints, "/sync", f'{{"path":"a.db",{body}}}')
    assert daemon.timeouts == [timeout]


def test_nothing_new_is_no_change(endpoints: Endpoints, daemon: Fake) -> None:
    daemon.changed = False
    assert '"status":"no_change"' in post(endpoints, "/sync", '{"path":"a.db","wait":true}')[1]


def test_what_failed_is_told_in_the_words_that_clients_look_for(endpoints: Endpoints, daemon: Fake) -> None:
    daemon.error = UnknownOutcomeError("the upload did not end in time")
    status, body = post(endpoints, "/sync", '{"path":"a.db","wait":true}')
    assert status == 500
    assert "sync database: replica sync: " in body
    assert "context deadline exceeded" in body
    daemon.error = StoreError("no <position> & more", key="ltx/0/x")
    assert "db sync: ltx/0/x: no \\u003cposition\\u003e \\u0026 more" in post(endpoints, "/sync", '{"path":"a.db"}')[1]


def test_a_defect_is_told_to_who_asked(endpoints: Endpoints, daemon: Fake) -> None:
    del daemon.timeouts
    status, body = post(endpoints, "/sync", '{"path":"a.db"}')
    assert status == 500
    assert "a defect of Plait: AttributeError" in body


def test_what_is_asked_without_a_body(endpoints: Endpoints) -> None:
    def get(target: str, **query: str) -> tuple[int, str]:
        answer = endpoints.answer("GET", target, query, b"")
        return answer.status, answer.body.decode()

    assert get("/list") == (
        200,
        '{"databases":[{"path":"/d/a.db","status":"replicating","last_sync_at":"2026-11-21T02:03:14.874415141Z"}]}\n',
    )
    assert get("/info")[1].startswith('{"version":"0.5.17","pid":7,"uptime_seconds":')
    assert '"started_at":"2026-11-21T02:02:11.870991641Z","database_count":1}' in get("/info")[1]
    assert get("/txid", path="a.db") == (200, '{"txid":5}\n')
    assert get("/txid", path="x") == (404, '{"error":"database not found"}\n')
    assert get("/txid") == (400, '{"error":"path required"}\n')
    assert get("/debug/sync-status", path="x") == (404, '{"error":"database not found"}\n')
    assert '"path":"/d/a.db","active":false' in get("/debug/sync-status")[1]


def test_other_routes_and_methods(endpoints: Endpoints) -> None:
    wrong = endpoints.answer("GET", "/sync", {}, b"")
    assert (wrong.status, wrong.body, dict(wrong.headers)["Allow"]) == (405, b"Method Not Allowed\n", "POST")
    wrong = endpoints.answer("POST", "/list", {}, b"")
    assert dict(wrong.headers)["Allow"] == "GET, HEAD"
    missing = endpoints.answer("GET", "/debug/pprof/", {}, b"")
    assert (missing.status, missing.body) == (404, b"404 page not found\n")
    assert missing.content_type == "text/plain; charset=utf-8"
