"""paho-mqtt (MQTT 5 and 3.1.1) and Debian's mosquitto_sub on the embedded broker: who may do what, and whether what travels fits the schemas."""

import json
import re
import subprocess
import threading
import time
import uuid
from contextlib import ExitStack

import jsonschema
import paho.mqtt.client as mqtt
import pytest
from conftest import ROOT, until
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

WITHIN_S = 10
SCHEMAS = ROOT / "bridge/protocol/schemas"
# Formats count too: an id is a UUID, a time is RFC 3339.
FORMATS = jsonschema.FormatChecker()


class Peer:
    """A client that remembers what happened to it."""

    def __init__(self, product, user: str, secret: str | None, protocol=mqtt.MQTTv5):
        self.messages: list[mqtt.MQTTMessage] = []
        self.connected = threading.Event()
        self.ended = threading.Event()
        self.connect_reason = None
        self.reasons: dict[int, object] = {}
        # Another id than the device's own: two connections with one id would take turns in throwing each other out.
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"test-{uuid.uuid4()}", protocol=protocol)
        if secret is not None:
            self.client.username_pw_set(user, secret)
        self.client.on_connect = self._on_connect
        self.client.on_disconnect = lambda *_: self.ended.set()
        self.client.on_message = lambda _client, _data, message: self.messages.append(message)
        self.client.on_publish = lambda _client, _data, mid, reason, _properties: self.reasons.__setitem__(mid, reason)
        self.client.on_subscribe = lambda _client, _data, mid, reasons, _properties: self.reasons.__setitem__(mid, reasons[0])
        host, port = product.broker
        self.client.connect(host, port, keepalive=30)
        self.client.loop_start()

    def _on_connect(self, _client, _data, _flags, reason, _properties):
        self.connect_reason = reason
        self.connected.set()

    def __enter__(self):
        assert self.connected.wait(WITHIN_S), "the broker answers"
        return self

    def __exit__(self, *_):
        self.client.disconnect()
        self.client.loop_stop()

    def reason(self, mid: int):
        """What the broker answered to a publish or subscribe; `"disconnected"` if it hung up instead."""
        return until("an answer of the broker", lambda: self.reasons.get(mid) or (self.ended.is_set() and "disconnected"), WITHIN_S)

    def subscribe(self, topic: str):
        is_v5 = self.client.protocol == mqtt.MQTTv5
        _, mid = self.client.subscribe(topic, options=SubscribeOptions(qos=1)) if is_v5 else self.client.subscribe(topic, qos=1)
        return self.reason(mid)

    def publish(self, topic: str, payload: bytes, **options):
        return self.reason(self.client.publish(topic, payload, qos=1, **options).mid)


def is_refused(reason) -> bool:
    return reason == "disconnected" or reason.is_failure


@pytest.fixture
def operator(product):
    with Peer(product, product.operator, product.secrets[product.operator]) as peer:
        yield peer


@pytest.fixture
def device(product):
    """The id and secret of one robot."""
    robot = min(product.device_ids)
    return robot, product.secrets[robot]


@pytest.fixture
def own_branches(product):
    """Each device, listening to its own branch beside the real one."""
    with ExitStack() as stack:
        peers = [stack.enter_context(Peer(product, device, product.secrets[device])) for device in product.device_ids]
        for device, peer in zip(product.device_ids, peers, strict=True):
            assert not is_refused(peer.subscribe(f"ws/v1/{device}/down/+"))
        yield peers


def test_nobody_comes_in_without_the_right_secret(product, device):
    for user, secret in [(device[0], "wrong"), (device[0], ""), ("nobody", "x"), ("", None)]:
        with Peer(product, user, secret) as peer:
            assert peer.connect_reason.is_failure, (user, peer.connect_reason)


def test_the_operator_looks_and_sees_who_is_here(product, operator):
    assert not is_refused(operator.subscribe("ws/v1/+/up/#"))
    hellos = until(
        "a retained hello of every device",
        lambda: (found := {m.topic: json.loads(m.payload) for m in operator.messages if m.topic.endswith("/hello")})
        and set(found) == {f"ws/v1/{device}/up/hello" for device in product.device_ids}
        and found,
    )
    assert {hello["body"]["status"] for hello in hellos.values()} == {"here"}
    assert sorted(hello["body"]["role"] for hello in hellos.values()) == ["bridge", "robot", "robot"]


def test_a_device_keeps_to_its_own_branch(product, device, operator):
    me, secret = device
    other = max(product.device_ids)
    operator.subscribe("ws/v1/+/up/event")
    assert is_refused(operator.subscribe("ws/v1/+/down/#")), "permissions are no one's to read but the robot's"
    for topic in [f"ws/v1/{other}/up/event", f"ws/v1/{me}/down/command", f"ws/v1/{other}/down/command", "elsewhere", f"ws/v1/{me}/up/a/b"]:
        with Peer(product, me, secret) as peer:
            before = len(operator.messages)
            assert is_refused(peer.publish(topic, b"{}")), topic
            assert all(m.payload != b"{}" for m in operator.messages[before:]), topic
    for topic in [f"ws/v1/{other}/down/+", "#", "ws/v1/+/down/grant", f"ws/v1/{me}/up/+", "$share/x/ws/v1/+/up/+"]:
        with Peer(product, me, secret) as peer:
            assert is_refused(peer.subscribe(topic)), topic
    with Peer(product, me, secret) as peer:
        assert not is_refused(peer.subscribe(f"ws/v1/{me}/down/+"))


def test_what_cannot_be_read_does_no_harm(product, device):
    """A robot gone mad: no JSON, another version, an unknown kind, too large. The server goes on and the pages still open."""
    me, secret = device
    large = b'{"v":1,"x":"' + b"x" * 70_000 + b'"}'
    other_version = b'{"v":2,"id":"x"}'
    with Peer(product, me, secret) as peer:
        for kind, payload in [("event", b"\x00\xff not json"), ("event", other_version), ("mood", b"{}"), ("event", b"")]:
            assert not is_refused(peer.publish(f"ws/v1/{me}/up/{kind}", payload)), kind
        peer.publish(f"ws/v1/{me}/up/event", large)
    with product.client() as browser:
        assert browser.get("/health/ready").is_success
        assert browser.get("/bridge/health/ready").is_success


def test_mqtt5_properties_arrive_as_they_were_sent(product, device, operator):
    me, secret = device
    topic = f"ws/v1/{me}/up/event"
    operator.subscribe(topic)
    properties = Properties(PacketTypes.PUBLISH)
    properties.ContentType = "application/json"
    properties.MessageExpiryInterval = 60
    body = {"what": "started", "robot": me, "at": "2026-11-17T08:30:00Z"}
    message = {"v": 1, "id": str(uuid.uuid4()), "epoch": str(uuid.uuid4()), "sent_at": "2026-11-17T08:30:00Z", "mono_ms": 1, "body": body}
    with Peer(product, me, secret) as peer:
        assert not is_refused(peer.publish(topic, json.dumps(message).encode(), properties=properties))
    seen = until("the message", lambda: [m for m in operator.messages if message["id"].encode() in m.payload])
    assert seen[0].properties.ContentType == "application/json"
    assert seen[0].properties.MessageExpiryInterval <= 60


def kinds_that_fit(product, messages: list[mqtt.MQTTMessage]) -> set[str]:
    """The kinds among these messages, each of which fits its schema by somebody else's validator."""
    validators = {}
    for file in SCHEMAS.glob("*.json"):
        schema = json.loads(file.read_text())
        jsonschema.Draft7Validator.check_schema(schema)
        validators[file.stem] = jsonschema.Draft7Validator(schema, format_checker=FORMATS)
    kinds = set()
    for message in messages:
        match = re.fullmatch(r"ws/v1/([0-9a-f-]{36})/(up|down)/([a-z]+)", message.topic)
        assert match, message.topic
        assert match[1] in product.device_ids, "only ids of devices are in topics"
        faults = [e.message for e in validators[match[3]].iter_errors(json.loads(message.payload))]
        assert faults == [], (message.topic, message.payload)
        kinds.add(match[3])
    return kinds


def test_what_the_system_says_fits_the_schemas(product, operator, own_branches):
    """Everything on the wire for a while, up and down, checked by somebody else's validator."""
    operator.subscribe("ws/v1/+/up/#")
    until("robots measure and a bridge tells", lambda: {"hello", "robot"} <= {m.topic.split("/")[-1] for m in operator.messages}, 30)
    time.sleep(5)
    everything = operator.messages + [message for peer in own_branches for message in peer.messages]
    kinds = kinds_that_fit(product, everything)
    assert kinds >= {"hello", "robot", "link"}, kinds
    text = b" ".join(m.payload for m in everything)
    for word in [b"Ada", b"Alder", b"Marsh", b"Larkfield"]:
        assert word not in text, "ids only: no name travels by MQTT"


def test_golden_messages_fit_the_schemas():
    """The validator of the system test is strict enough to notice: golden messages pass, spoilt ones do not."""
    fixtures = sorted((SCHEMAS.parent / "fixtures/v1").glob("*.json"))
    assert fixtures
    for file in fixtures:
        schema = json.loads((SCHEMAS / f"{file.stem.split('-')[0]}.json").read_text())
        validator = jsonschema.Draft7Validator(schema, format_checker=FORMATS)
        message = json.loads(file.read_text())
        validator.validate(message)
        for spoil in [lambda m: m.update(v=2), lambda m: m.update(id="x"), lambda m: m.pop("body"), lambda m: m.update(sent_at="yesterday")]:
            spoilt = json.loads(file.read_text())
            spoil(spoilt)
            assert not validator.is_valid(spoilt), (file.name, spoilt)


def test_a_client_of_mqtt_3_1_1_has_the_same_rights(product, device, operator):
    robot, secret = device
    assert not is_refused(operator.subscribe(f"ws/v1/{robot}/up/event"))
    with Peer(product, robot, "wrong", mqtt.MQTTv311) as peer:
        assert peer.connect_reason.is_failure, peer.connect_reason
    with Peer(product, product.operator, product.secrets[product.operator], mqtt.MQTTv311) as peer:
        assert not is_refused(peer.subscribe("ws/v1/+/up/#"))
        until("what is kept for who comes later", lambda: any(m.topic.endswith("/up/hello") for m in peer.messages), WITHIN_S)
        for topic in ["#", "ws/v1/+/down/+", "ws/#"]:
            assert is_refused(peer.subscribe(topic)), topic
        # The protocol has no word for a refusal: the broker takes it, and nobody gets it.
        peer.publish(f"ws/v1/{robot}/up/event", b"not an operator's to say")
    with Peer(product, robot, secret, mqtt.MQTTv311) as peer:
        assert not is_refused(peer.subscribe(f"ws/v1/{robot}/down/+"))
        assert is_refused(peer.subscribe(f"ws/v1/{uuid.uuid4()}/down/+"))
        peer.publish(f"ws/v1/{robot}/up/event", b"unreadable, and its own to say")
        until("what it said", lambda: any(m.payload == b"unreadable, and its own to say" for m in operator.messages), WITHIN_S)
    assert not any(m.payload.startswith(b"not an operator") for m in operator.messages)


def test_the_broker_tells_the_operator_how_it_fares_and_nobody_else(product, device, operator):
    assert not is_refused(operator.subscribe("$SYS/#"))
    until("how many messages it took", lambda: [m for m in operator.messages if m.topic == "$SYS/broker/messages/received" and int(m.payload) > 0], 3 * WITHIN_S)
    with Peer(product, *device) as peer:
        assert is_refused(peer.subscribe("$SYS/#"))


@pytest.mark.parametrize("version", ["mqttv5", "mqttv311"])
def test_mosquitto_sub_listens(product, version):
    host, port = product.broker
    user = ["-u", product.operator, "-P", product.secrets[product.operator]]
    command = ["mosquitto_sub", "-V", version, "-h", host, "-p", str(port), *user, "-q", "1", "-t", "ws/v1/+/up/hello", "-C", "3", "-W", "10"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.splitlines()
    assert {json.loads(line)["body"]["role"] for line in lines} == {"robot", "bridge"}
    refused = subprocess.run([*command[:7], "-u", product.operator, "-P", "wrong", *command[-8:]], capture_output=True, text=True, timeout=20)
    assert refused.returncode != 0 and "bad user name or password" in refused.stderr.lower(), refused
