# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The server over real sockets: who gets in, what is refused, how pictures flow, what stops."""

import asyncio
from contextlib import asynccontextmanager
import json
import socket
import time

import aiohttp
from inspatio_ros.view.driving import SILENCE_S, STOP, Velocity
from inspatio_ros.view.hub import Hub
from inspatio_ros.view.pictures import Picture
from inspatio_ros.view.server import HEADERS, MOST_WATCHERS, Server
import pytest

TOKEN = 'abcdef0123456789'
AHEAD = Velocity(forward=0.5)
STATE = {'world': True, 'scene': 'painted'}


class NotedRobot:
    """A robot at the seam that writes down what it is told."""

    def __init__(self):
        """Begin with nothing."""
        self.shows, self.commands, self.calls = [], [], []

    def show(self, streams):
        """Write down."""
        self.shows.append(streams)

    def drive(self, velocity):
        """Write down."""
        self.commands.append(velocity)

    def call(self, service, answer):
        """Write down and answer."""
        self.calls.append(service)
        answer(True, 'back at the start')

    def change_scene(self, scene, answer):
        """Write down and refuse."""
        self.calls.append(scene)
        answer(False, f'no scene {scene}')

    def state(self):
        """Return the same every time."""
        return dict(STATE)


class Served:
    """A server in this test's event loop, and ways to talk to it."""

    def __init__(self, hub, port, session):
        """Keep what belongs together."""
        self.hub, self.robot, self.port, self.session = hub, hub.robot, port, session
        self.origin = f'http://127.0.0.1:{port}'

    async def get(self, path, **options):
        """Return (status, headers, body)."""
        async with self.session.get(self.origin + path, allow_redirects=False,
                                    **options) as answer:
            return answer.status, answer.headers, await answer.text()

    def connect(self, **headers):
        """Connect as a page does; other headers replace its own."""
        return self.session.ws_connect(f'{self.origin}/connection',
                                       headers={'Origin': self.origin, **headers})

    def put(self, stamp_ns, stream='color', size=1000):
        """Offer a picture."""
        self.hub.put(Picture(stream, stamp_ns, 4, 3, bytes(size)))


@asynccontextmanager
async def serving(token=None):
    hub = Hub(NotedRobot())
    jar = aiohttp.CookieJar(unsafe=True)   # cookies of an IP address
    async with Server(hub, token).listening('127.0.0.1', 0) as port:
        async with aiohttp.ClientSession(cookie_jar=jar) as session:
            yield Served(hub, port, session)


def served(test):
    """Make a test of a coroutine."""
    def run():
        async def alone():
            async with serving() as one:
                await test(one)
        asyncio.run(asyncio.wait_for(alone(), 30.0))
    run.__name__ = test.__name__
    return run


async def until(condition, timeout_s=5.0):
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, 'waited in vain'
        await asyncio.sleep(0.01)


async def bundle_of(page):
    """Return header and rest of the next bundle; state and answers are passed over."""
    while True:
        message = await page.receive(timeout=5.0)
        assert message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY), message
        if message.type is aiohttp.WSMsgType.BINARY:
            header, rest = message.data.split(b'\n', 1)
            return json.loads(header), rest


async def refusal_of(page):
    """Return code and reason with which a page is sent away."""
    while (message := await page.receive(timeout=5.0)).type is aiohttp.WSMsgType.TEXT:
        pass
    assert message.type is aiohttp.WSMsgType.CLOSE, message
    return message.data, message.extra


# ---- who gets in

@served
async def test_the_page_comes_with_its_headers_and_needs_nothing_from_outside(one):
    for path, kind in (('/', 'text/html'), ('/main.js', 'text/javascript'),
                       ('/view.css', 'text/css'), ('/icon.svg', 'image/svg+xml')):
        status, headers, body = await one.get(path)
        assert (status, headers['Content-Type'].split(';')[0]) == (200, kind)
        assert {name: headers[name] for name in HEADERS} == HEADERS
        assert '://' not in body.replace('http://www.w3.org/2000/svg', '')
    assert 'unsafe' not in HEADERS['Content-Security-Policy']


@served
async def test_nothing_else_is_served(one):
    for path in ('/nothing', '/../server.py', '/%2e%2e/server.py', '/page/main.js', '//main.js',
                 '/index.html/'):
        assert (await one.get(path))[0] == 404, path
    async with one.session.post(one.origin + '/') as answer:
        assert answer.status == 405


@served
async def test_a_strangers_name_for_this_machine_is_refused(one):
    for host in ('evil.example', f'evil.example:{one.port}'):
        assert (await one.get('/', headers={'Host': host}))[0] == 403
        with pytest.raises(aiohttp.WSServerHandshakeError) as error:
            await one.connect(Host=host, Origin=f'http://{host}')
        assert error.value.status == 403


@served
async def test_a_strangers_page_cannot_connect(one):
    for origin in ('http://evil.example', 'null', f'http://localhost:{one.port}'):
        with pytest.raises(aiohttp.WSServerHandshakeError) as error:
            await one.connect(Origin=origin)
        assert error.value.status == 403
    assert one.robot.shows == []


def test_a_token_opens_and_a_wrong_one_does_not():
    async def check():
        async with serving(TOKEN) as one:
            for path in ('/', '/main.js', '/?token=', '/?token=wrong', '/main.js?token=' + TOKEN):
                assert (await one.get(path))[0] == 403, path
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await one.connect()
            status, headers, _ = await one.get(f'/?token={TOKEN}')
            assert (status, headers['Location']) == (303, '/'), 'out of the address bar'
            assert 'HttpOnly' in headers['Set-Cookie'] and 'SameSite' in headers['Set-Cookie']
            assert (await one.get('/'))[0] == 200
            async with one.connect() as page:
                assert json.loads((await page.receive()).data)['scene'] == 'painted'
    asyncio.run(check())


def test_a_port_in_use_is_said():
    async def check():
        with socket.create_server(('127.0.0.1', 0)) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(OSError, match=f'port {port} of 127.0.0.1 is in use'):
                async with Server(Hub(NotedRobot()), None).listening('127.0.0.1', port):
                    pass
        with pytest.raises(OSError, match='cannot listen on 203.0.113.7'):
            async with Server(Hub(NotedRobot()), None).listening('203.0.113.7', 0):
                pass
    asyncio.run(check())


# ---- how pictures flow

@served
async def test_only_what_pages_show_is_asked_for(one):
    async with one.connect() as first:
        await until(lambda: one.robot.shows == [frozenset()])
        await first.send_json({'show': ['color']})
        async with one.connect() as second:
            await second.send_json({'show': ['depth']})
            await until(lambda: one.robot.shows[-1] == {'color', 'depth'})
            await first.send_json({'show': []})
            await until(lambda: one.robot.shows[-1] == {'depth'})
    await until(lambda: one.robot.shows[-1] is None)


@served
async def test_one_bundle_is_under_way_and_the_newest_follows(one):
    async with one.connect() as page:
        await page.send_json({'show': ['color', 'depth']})
        await until(lambda: one.robot.shows[-1])
        one.put(1)
        header, rest = await bundle_of(page)
        assert [p['stream'] for p in header['pictures']] == ['color'] and len(rest) == 1000
        for stamp in range(2, 20):
            one.put(stamp, size=1000 + stamp)
        one.put(30, 'depth', size=50)
        await asyncio.sleep(0.2)
        await page.send_json({'shown': 1})
        header, rest = await bundle_of(page)
        assert header['bundle'] == 2, 'those between were left out'
        assert [(p['stream'], p['bytes']) for p in header['pictures']] == [
            ('color', 1019), ('depth', 50)]
        assert len(rest) == 1069


@served
async def test_a_page_that_comes_late_sees_what_there_is(one):
    async with one.connect() as first, one.connect() as second:
        await first.send_json({'show': ['color']})
        await until(lambda: one.robot.shows[-1])
        one.put(1)
        await bundle_of(first)
        await second.send_json({'show': ['color']})
        assert (await bundle_of(second))[0]['bundle'] == 1


@served
async def test_fifty_pages_get_pictures_and_one_that_sleeps_holds_nobody_up(one):
    pages = [await one.connect() for _ in range(50)]
    for page in pages:
        await page.send_json({'show': ['color']})
    await until(lambda: len(one.hub.watchers) == 50 and one.robot.shows[-1] == {'color'})
    await until(lambda: all(watcher.shown for watcher in one.hub.watchers))
    begin = time.monotonic()
    for stamp in range(1, 11):
        one.put(stamp, size=40_000)
        for page in pages[1:]:   # the first never says that it has shown one
            header, rest = await bundle_of(page)
            assert (header['bundle'], len(rest)) == (stamp, 40_000)
            await page.send_json({'shown': stamp})
        await until(lambda: sum(w._under_way is not None for w in one.hub.watchers) == 1)
    took_s = time.monotonic() - begin
    print(f'50 pages, 10 pictures of 40 kB each: {took_s:.2f} s')
    assert took_s < 10.0
    for page in pages:
        await page.close()
    await until(lambda: one.robot.shows[-1] is None)


@served
async def test_more_pages_than_there_is_room_for_are_turned_away(one):
    pages = [await one.connect() for _ in range(MOST_WATCHERS)]
    with pytest.raises(aiohttp.WSServerHandshakeError) as error:
        await one.connect()
    assert error.value.status == 503
    await pages.pop().close()
    await until(lambda: len(one.hub.watchers) < MOST_WATCHERS)
    pages.append(await one.connect())
    for page in pages:
        await page.close()


# ---- what is refused

@pytest.mark.parametrize('text, words', [
    ('nonsense', 'one JSON object'), ('{"drive": [1e9, 0, 0]}', 'forward'),
    ('{"show": ["lidar"]}', 'lidar'), ('{"shown": 5}', 'not under way')])
def test_a_page_that_talks_nonsense_is_sent_away_and_the_robot_stops(text, words):
    async def check():
        async with serving() as one:
            async with one.connect() as page:
                await page.send_json({'drive': [0.5, 0, 0]})
                await page.send_str(text)
                code, reason = await refusal_of(page)
                assert code == 1008 and words in reason
            await until(lambda: not one.hub.watchers)
            assert one.robot.commands[0] == AHEAD and one.robot.commands[-1] == STOP
    asyncio.run(check())


@served
async def test_a_huge_message_ends_the_connection_and_not_the_server(one):
    for send in ('send_str', 'send_bytes'):
        async with one.connect() as page:
            await page.send_json({'drive': [0.5, 0, 0]})
            await until(lambda: one.robot.commands[-1:] == [AHEAD])
            huge = 'x' * 30_000_000
            try:
                await getattr(page, send)(huge if send == 'send_str' else huge.encode())
                assert (await refusal_of(page))[0] in (1008, 1009)
            except ConnectionError:
                pass   # cut off in the middle of it
        await until(lambda: not one.hub.watchers)
        assert one.robot.commands[-1] == STOP
    assert (await one.get('/'))[0] == 200


@served
async def test_bytes_are_refused(one):
    async with one.connect() as page:
        await page.send_bytes(b'{"show": []}')
        assert await refusal_of(page) == (1008, 'a page says nothing but text')


# ---- who drives, and what stops

@served
async def test_a_page_drives_and_its_end_stops(one):
    async with one.connect() as page:
        await page.send_json({'drive': [0.5, 0, 0]})
        await until(lambda: one.robot.commands == [AHEAD])
    await until(lambda: one.robot.commands[-1] == STOP, timeout_s=0.3)


@served
async def test_a_page_that_falls_silent_with_an_open_connection_stops(one):
    async with one.connect() as page:
        await page.send_json({'drive': [0.5, 0, 0]})
        await until(lambda: one.robot.commands[-1:] == [AHEAD])
        begin = time.monotonic()
        await until(lambda: one.robot.commands[-1] == STOP)
        assert 0.9 * SILENCE_S < time.monotonic() - begin < SILENCE_S + 0.3


@served
async def test_the_second_who_drives_is_told_so(one):
    async with one.connect() as first, one.connect() as second:
        await first.send_json({'drive': [0.5, 0, 0]})
        await until(lambda: one.robot.commands)
        await second.send_json({'drive': [-0.5, 0, 0]})
        while 'busy' not in (message := await second.receive_json(timeout=5.0)):
            pass
        assert message == {'busy': True}
        assert Velocity(forward=-0.5) not in one.robot.commands


@served
async def test_buttons_call_services_and_get_their_answer(one):
    async with one.connect() as page:
        await page.send_json({'call': 'reset'})
        while 'answer' not in (message := await page.receive_json(timeout=5.0)):
            pass
        assert message == {'answer': 'reset', 'success': True, 'message': 'back at the start'}
    assert one.robot.calls == ['reset']


@served
async def test_another_scene_is_asked_for_and_the_answer_comes_back(one):
    async with one.connect() as page:
        await page.send_json({'scene': 'attic'})
        while 'answer' not in (message := await page.receive_json(timeout=5.0)):
            pass
        assert message == {'answer': 'scene', 'success': False, 'message': 'no scene attic'}


@served
async def test_a_button_that_is_hammered_on_counts_once(one):
    one.robot.call = lambda service, answer: one.robot.calls.append((service, answer))
    async with one.connect() as page:
        for _ in range(100):
            await page.send_json({'call': 'step'})
        await page.send_json({'show': ['color']})
        await until(lambda: one.robot.shows[-1] == {'color'})
        assert len(one.robot.calls) == 1
        one.robot.calls[0][1](False, 'no')
        while 'answer' not in await page.receive_json(timeout=5.0):
            pass
        await page.send_json({'call': 'step'})
        await until(lambda: len(one.robot.calls) == 2)


@served
async def test_what_a_page_does_not_read_does_not_pile_up(one):
    async with one.connect() as driver, one.connect() as page:
        await driver.send_json({'drive': [0.5, 0, 0]})
        await until(lambda: one.robot.commands)
        browser = next(w for w in one.hub.watchers if w is not one.hub.driving.hand)
        for _ in range(1000):
            browser._say({'busy': True})
        assert len(browser._answers) <= 16
        assert page.closed is False


def test_the_end_of_the_server_stops_the_robot():
    async def check():
        async with serving() as one:
            page = await one.connect()
            await page.send_json({'drive': [0.5, 0, 0]})
            await until(lambda: one.robot.commands)
            return one.robot
    assert asyncio.run(check()).commands[-1] == STOP
