"""What every Python client is asked, against a provider of each protocol, and what must hold. A client's own module says
only how it is asked. What the fake providers say is told by the test that starts this, so that it stands in one place.
"""

import itertools
import json
import os
import sqlite3
import time
from dataclasses import dataclass, field
from urllib.parse import quote

SETTINGS = json.loads(os.environ["WEIR_TEST"])
URL = SETTINGS["url"]
KEY = SETTINGS["key"]
# What is known of each provider, by its name: the same facts that the clients of the other language are tested with.
PROVIDERS = SETTINGS["providers"]
USAGE = SETTINGS["usage"]
TOOLS = SETTINGS["tools"]
PERSON = SETTINGS["person"]
CALLS = SETTINGS["calls"]
PNG = SETTINGS["png"]
ENDS = SETTINGS["ends"]
VECTORS = SETTINGS["vectors"]

WRONG_KEY = "weir_wrong-key-wrong-key-wrong-key"
SAID = 'Grüße, 世界 👋🏽 and a "quote"\n\tindented'
ROW_LIMIT_SECONDS = 30
# A client that left must be seen at once; this is for slow machines.
CANCEL_LIMIT_SECONDS = 1
# The fastest of so many counts: a busy machine may hold up any, and what takes longer by itself takes longer each time.
CANCEL_TURNS = SETTINGS["cancelTurns"]

_numbers = itertools.count(1)


@dataclass
class Wire:
    """Between a client and the executable: names each request, so that attempts and log rows can be told."""

    ids: list = field(default_factory=list)
    headers: dict = field(default_factory=dict)

    def begin(self):
        self.ids = []
        self.headers = {}

    def sent(self, request):
        self.ids.append(f"python-{os.getpid()}-{next(_numbers)}")
        request.headers["x-request-id"] = self.ids[-1]

    def received(self, response):
        self.headers = dict(response.headers)

    async def sent_async(self, request):
        self.sent(request)

    async def received_async(self, response):
        self.received(response)

    @property
    def hooks(self):
        return {"request": [self.sent], "response": [self.received]}

    @property
    def async_hooks(self):
        return {"request": [self.sent_async], "response": [self.received_async]}


@dataclass
class Failure:
    """What a client's error says, from whatever members its class has; None where it has none."""

    name: str
    message: str
    status: int | None = None
    code: str | None = None
    request_id: str | None = None


class Log:
    """The request log beside the running executable. Rows are written in groups, so a new one is waited for."""

    def __init__(self, path):
        self.database = sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True, timeout=2)
        self.database.row_factory = sqlite3.Row

    def row(self, request_id):
        limit = time.monotonic() + ROW_LIMIT_SECONDS
        while True:
            rows = self.database.execute(
                "SELECT * FROM requests WHERE request_id = ?", (request_id,)
            ).fetchall()
            assert len(rows) <= 1, f"{len(rows)} log rows for {request_id}"
            if rows:
                return dict(rows[0])
            assert time.monotonic() < limit, f"no log row for {request_id}"
            time.sleep(0.005)


LOG = Log(SETTINGS["log"])


def equal(actual, expected, what="value"):
    assert actual == expected, f"{what}: expected {expected!r}, got {actual!r}"


def result_of(name, arguments):
    """What every client answers to a call of that tool."""
    city = arguments.get("city")
    return "12:00" if city is None else f"sunny in {city}"


def failure_of(client, ask):
    try:
        ask()
    except Exception as error:
        return client.failure(error)
    raise AssertionError("the client was answered, though an error was due")


@dataclass
class Cell:
    """One client against one provider."""

    client: object
    provider: str

    @property
    def facts(self):
        return PROVIDERS[self.provider]

    @property
    def model(self):
        return f"{self.provider}/{self.facts['model']}"

    @property
    def wire(self):
        return self.client.wire

    def word(self, openai, anthropic):
        return anthropic if self.client.dialect == "anthropic" else openai

    def row(self):
        return LOG.row(self.wire.ids[-1])

    def mode(self):
        return "relay" if self.client.dialect in self.facts["relays"] else "translate"

    def expect_answered(self):
        """An answered request has its one row, with usage, and says which way it went."""
        headers = self.wire.headers
        equal(headers.get("x-weir-provider"), self.provider, "x-weir-provider")
        equal(headers.get("x-weir-attempts"), "1", "x-weir-attempts")
        # These two are relayed but for what they refuse, which official clients of others send.
        either = self.provider in ("mistral", "openrouter")
        mode = headers.get("x-weir-mode") if either else self.mode()
        equal(headers.get("x-weir-mode"), mode, "x-weir-mode")
        equal(headers.get("x-request-id"), self.wire.ids[-1], "x-request-id")
        row = self.row()
        expected = {
            "status": 200,
            "provider_id": self.provider,
            "client_format": self.client.dialect,
            "mode": mode,
            "model_requested": self.model,
            "output_tokens": USAGE["output"],
            "error_kind": None,
        }
        equal({name: row[name] for name in expected}, expected, "log row")
        assert row["usage_estimated"] != 1, "the usage in the log is an estimate"
        assert row["first_token_ms"] is not None and row["provider_ms"] is not None, "times in the log"

    def expect_failure(self, ask, name, status, code, attempts=1):
        client = self.client
        failure = failure_of(client, ask)
        equal(failure.name, client.errors[name], "class of the error")
        equal(failure.status, status, "status")
        if client.tells_code:
            equal(failure.code, code, "code")
        if client.tells_request_id:
            equal(failure.request_id, self.wire.ids[-1], "request id")
        for secret in ("127.0.0.1", "sk-", ".ts:", ".js:"):
            assert secret not in failure.message, f"{secret} in the message {failure.message!r}"
        equal(len(self.wire.ids), attempts, "attempts")
        for request_id in self.wire.ids:
            equal(LOG.row(request_id)["status"], status, "status in the log")
        return failure


def expect_usage(cell, usage, streamed):
    told = getattr(cell.client, "usage", lambda provider, streamed: None)(cell.provider, streamed)
    equal(usage, told or (USAGE["input"], USAGE["output"]), "usage")


def plain(cell):
    text, usage = cell.client.plain(cell.model, SAID)
    equal(text, f"Echo: {SAID}")
    expect_usage(cell, usage, False)
    cell.expect_answered()


def system(cell):
    text, _ = cell.client.plain(cell.model, "#system", system="Be brief.")
    equal(text, "System: Be brief.")


def streamed(cell):
    pieces, usage = cell.client.stream(cell.model, SAID)
    equal("".join(pieces), f"Echo: {SAID}")
    assert len(pieces) > 2, "the answer came in one piece"
    expect_usage(cell, usage, True)
    cell.expect_answered()


def streamed_async(cell):
    pieces = cell.client.stream_async(cell.model, SAID)
    equal("".join(pieces), f"Echo: {SAID}")
    cell.expect_answered()


def tools(text, stream):
    def scenario(cell):
        calls, answer = cell.client.tools(cell.model, text, stream)
        expected = [(call["name"], call["input"]) for call in CALLS[text]]
        equal(calls, expected, "calls")
        # What a provider reads of a result, where the client wraps it.
        read = getattr(cell.client, "result_as_read", lambda provider, result: result)
        told = [f"{name}={read(cell.provider, result_of(name, given))}" for name, given in expected]
        equal(answer, f"Results: {'; '.join(told)}")

    return scenario


def image(cell):
    equal(cell.client.image(cell.model, "#image", PNG["base64"]), f"image/png {PNG['bytes']}")


def structured(cell):
    equal(cell.client.structured(cell.model, "#json"), PERSON)


def limit_of_tokens(cell):
    text, finish = cell.client.finish(cell.model, "#long", max_tokens=ENDS["limit"])
    equal(text, ENDS["cutShort"])
    equal(finish, cell.client.finishes["length"], "finish")


def stop_sequence(cell):
    text, finish = cell.client.finish(cell.model, "#stop", stop=[ENDS["stopWord"], "###"])
    equal(text, ENDS["stopped"])
    assert finish in cell.client.finishes["stop"], f"finish {finish!r}"


def embeddings(cell):
    texts = list(VECTORS)
    model = f"{cell.provider}/{cell.facts['embeddingModel']}"
    if "embeddings" in cell.facts["lacks"]:
        failure = failure_of(cell.client, lambda: list(cell.client.embed(model, texts)))
        assert failure.status in (400, 404), f"status {failure.status}"
        equal(cell.row()["status"], failure.status, "status in the log")
        return
    for vectors in cell.client.embed(model, texts):
        equal(vectors, [VECTORS[text] for text in texts], "vectors")
    equal(cell.row()["status"], 200, "status in the log")


def wrong_key(cell):
    stranger = cell.client.with_key(WRONG_KEY)
    code = cell.word("invalid_api_key", "authentication_error")
    cell.expect_failure(lambda: stranger.plain(cell.model, "hi"), "unauthorized", 401, code)


def unknown_model(cell):
    code = cell.word("model_not_found", "not_found_error")
    failure = cell.expect_failure(
        lambda: cell.client.plain("nobody/nothing", "hi"), "not_found", 404, code
    )
    assert "does not exist" in failure.message, failure.message


def bad_parameter(cell):
    failure = failure_of(cell.client, lambda: cell.client.wrong_temperature(cell.model, "hot"))
    equal(failure.name, cell.client.errors["bad_request"], "class of the error")
    equal(failure.status, 400, "status")
    assert "temperature" in failure.message, failure.message
    assert "hot" not in failure.message, "the value is echoed"
    equal(len(cell.wire.ids), 1, "attempts")


def provider_400(cell):
    code = cell.word("invalid_value", "invalid_request_error")
    failure = cell.expect_failure(
        lambda: cell.client.plain(cell.model, "#fail-400"), "bad_request", 400, code
    )
    assert "The provider says 400." in failure.message, failure.message


def provider_401(cell):
    code = cell.word("upstream_auth_error", "api_error")
    # Its key is then set aside, so the model's own provider is not used for this.
    model = f"spare-{cell.provider}/err-401"
    cell.expect_failure(lambda: cell.client.plain(model, "hi"), "bad_gateway", 502, code)


def provider_429(cell):
    attempts = cell.client.rate_limited_attempts
    code = cell.word("upstream_rate_limited", "rate_limit_error")
    cell.expect_failure(
        lambda: cell.client.plain(f"busy-{cell.model}", "#fail-429"), "rate_limited", 429, code, attempts
    )
    equal(cell.wire.headers.get("retry-after"), "1", "retry-after")
    equal(cell.wire.headers.get("x-should-retry"), "true", "x-should-retry")


def provider_500(cell):
    code = cell.word("upstream_error", "api_error")
    attempts = getattr(cell.client, "bad_gateway_attempts", 1)
    ask = lambda: cell.client.plain(f"broken-{cell.model}", "#fail-500")  # noqa: E731
    cell.expect_failure(ask, "bad_gateway", 502, code, attempts)
    equal(cell.wire.headers.get("x-should-retry"), "false", "x-should-retry")


def provider_429_before_a_stream(cell):
    code = cell.word("upstream_rate_limited", "rate_limit_error")
    attempts = cell.client.rate_limited_attempts
    cell.expect_failure(
        lambda: cell.client.stream(f"busy-{cell.model}", "#fail-429"), "rate_limited", 429, code, attempts
    )


def cut(cell):
    failure = failure_of(cell.client, lambda: cell.client.stream(cell.model, "#cut"))
    assert failure.message, "the error says nothing"
    equal(len(cell.wire.ids), 1, "attempts")
    equal(cell.row()["error_kind"], "upstream_error", "error in the log")


def cancel(cell):
    took = []
    for _ in range(CANCEL_TURNS):
        cell.client.leave_after_first_piece(cell.model, "#hold")
        left = time.monotonic()
        row = cell.row()
        took.append(time.monotonic() - left)
        equal(row["status"], 499, "status in the log")
        assert row["output_tokens"] > 0, "what was used is not in the log"
    assert min(took) < CANCEL_LIMIT_SECONDS, "the row came late"


SCENARIOS = {
    "plain": plain,
    "system": system,
    "streamed": streamed,
    "streamed, asynchronous client": streamed_async,
    "tool": tools("#tool", False),
    "tool streamed": tools("#tool", True),
    "parallel tools": tools("#tools", False),
    "parallel tools streamed": tools("#tools", True),
    "tool without arguments": tools("#empty", False),
    "tool without arguments streamed": tools("#empty", True),
    "limit of tokens": limit_of_tokens,
    "stop sequence": stop_sequence,
    "image": image,
    "structured": structured,
    "embeddings": embeddings,
    "wrong key": wrong_key,
    "unknown model": unknown_model,
    "bad parameter": bad_parameter,
    "provider's 400": provider_400,
    "provider's 401": provider_401,
    "provider's 429": provider_429,
    "provider's 429 before a stream": provider_429_before_a_stream,
    "provider's 500": provider_500,
    "cut in the middle": cut,
    "cancel": cancel,
}

# Scenarios that ask a client by a method it may lack, and what is then said of it.
METHODS = {
    "streamed, asynchronous client": ("stream_async", "not asked that way here"),
    "limit of tokens": ("finish", "not asked that way here"),
    "stop sequence": ("finish", "not asked that way here"),
    "embeddings": ("embed", "its protocol has none"),
    "image": ("image", "not asked that way here"),
    "structured": ("structured", "not asked that way here"),
    "bad parameter": ("wrong_temperature", "it checks its parameters itself"),
}


def reason_without(title, client, module, provider):
    """Why a client has no part in a scenario with a provider; None where it has."""
    left_out = getattr(module, "LEFT_OUT", {})
    if title in left_out:
        return left_out[title]
    with_provider = getattr(module, "LEFT_OUT_WITH", lambda provider: {})(provider)
    if title in with_provider:
        return with_provider[title]
    method, reason = METHODS.get(title, (None, None))
    if method is not None and not hasattr(client, method):
        return reason
    lacks = PROVIDERS[provider]["lacks"]
    return lacks.get({"stop sequence": "stop"}.get(title, title)) if title != "embeddings" else None
