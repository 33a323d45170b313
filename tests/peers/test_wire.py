"""Every kind of the contract, as the running system sends it: a visit, a carried robot, one switched off and on, a lost tablet."""

import asyncio
import json
import re
from contextlib import closing

import httpx
from conftest import csrf, until
from test_mqtt import kinds_that_fit, operator, own_branches  # noqa: F401 (fixtures)
from test_webrtc import frames, permit, robin, viewer  # noqa: F401 (fixtures)

ALL = {"hello", "presence", "event", "link", "robot", "ack", "grant", "command", "end"}


def carried_and_put_down(product):
    """As classroom staff do on their phone: take Robin, and put it into a room."""
    with closing(product.signed_in("Classroom staff")) as phone:
        page = phone.get("/moves").text
        robot = re.search(r'action="/moves/([0-9a-f-]{36})/carry"', page)[1]
        assert phone.post(f"/moves/{robot}/carry", data={"csrf": csrf(page)}).status_code == 200
        page = phone.get("/moves").text
        room = re.search(r'name="room" value="([0-9a-f-]{36})"', page)[1]
        assert phone.post(f"/moves/{robot}/room", data={"csrf": csrf(page), "room": room}).status_code == 200


def switched_off(product):
    """As a key worker does when a tablet is lost: whoever is in class with it is out."""
    with closing(product.signed_in("Key worker")) as desk:
        pupil = re.search(r'href="/pupils/([0-9a-f-]{36})"[^>]*>Ada', desk.get("/pupils").text)[1]
        page = desk.get(f"/pupils/{pupil}/tablet").text
        assert "Switch this tablet off" in page
        assert desk.post(f"/pupils/{pupil}/tablet/off", data={"csrf": csrf(page)}).status_code == 200


def test_every_kind_of_message_of_the_running_system_fits_its_schema(product, operator, own_branches, tablet, robin):  # noqa: F811
    operator.subscribe("ws/v1/+/up/#")

    async def visit():
        async with viewer(permit(tablet, product)) as (tracks, _):
            await frames(tracks["video"], 45)

    asyncio.run(visit())
    switched_off(product)
    carried_and_put_down(product)
    for to in ("off", "on"):
        httpx.post(f"{robin}fault/{to}").raise_for_status()
    until("Robin is back", lambda: httpx.get(f"{robin}state.json").json()["bridge_here"], 40)

    def seen():
        messages = operator.messages + [message for peer in own_branches for message in peer.messages]
        return ALL <= {message.topic.rsplit("/", 1)[-1] for message in messages} and messages

    messages = until("a message of every kind", seen, 40)
    assert kinds_that_fit(product, messages) == ALL
    facts = {json.loads(m.payload)["body"]["fact"] for m in messages if m.topic.endswith("/presence")}
    assert facts == {"interval", "ended"}
