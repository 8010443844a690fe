# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The page in a real browser, on a real node: it shows, it drives, and it stops."""

import os
from pathlib import Path
import time

from painted_world import PaintedWorld, SPAWN
import pytest
from rig import COLOR, DEPTH, OBSERVED

PAINTED = Path(__file__).parents[1] / 'ros' / 'painted_node.py'
PIXELS = """(() => {
  const canvas = document.querySelector('[data-stream=color] canvas');
  return [...canvas.getContext('2d').getImageData(0, 0, canvas.width, 1).data].join();
})()"""
TEXT = "document.getElementById('{}').textContent"
FOREIGN = """performance.getEntriesByType('resource').map(r => r.name).filter(
  name => !name.startsWith(origin))"""
PLACE = """(() => {
  const box = document.querySelector('[data-key=ArrowUp]').getBoundingClientRect();
  return [box.x + 9, box.y + 9];
})()"""
BUTTONS = """[...document.querySelectorAll('[data-call]:not([hidden])')].map(
  button => button.dataset.call)"""
CLICK = "document.querySelector('[data-call={}]').click()"
SCENES = "[...document.getElementById('scenes').options].map(option => option.text).join()"
CHOOSE = """(() => {{
  const list = document.getElementById('scenes');
  list.value = '{}';
  list.dispatchEvent(new Event('change'));
}})()"""
PAD = """
  window.axes = [0, 0, 0, 0];
  navigator.getGamepads = () => [null, {axes: window.axes, buttons: []}];
"""


class Wheel:
    """What arrives on cmd_vel, with the time of each."""

    def __init__(self, rig):
        """Listen beside the node."""
        from geometry_msgs.msg import TwistStamped
        self.got = []
        rig.listener.create_subscription(TwistStamped, 'cmd_vel', lambda message: self.got.append(
            (time.monotonic(), message.twist.linear.x, message.twist.angular.z)), 50)

    def arrival(self, since, forward=None, turn=None):
        """Return when the first command of a kind came after a time; None if none did."""
        return next((at for at, x, z in self.got if at >= since
                     and (forward is None or abs(x - forward) < 1e-6)
                     and (turn is None or abs(z - turn) < 1e-6)), None)

    def stands(self):
        """Return whether the newest command is to stand."""
        return self.got[-1][1:] == (0.0, 0.0)


@pytest.fixture(scope='module')
def rig(make_rig):
    return make_rig(image__width=640, image__height=480,
                    world=lambda request: PaintedWorld(), scenes=['attic=/places/a', 'cellar=/c'])


@pytest.fixture(scope='module')
def wheel(rig):
    return Wheel(rig)


@pytest.fixture(scope='module')
def address(viewer, rig):
    return viewer(rig.namespace)[1]


@pytest.fixture(scope='module')
def page(make_browser, address, wheel):
    browser = make_browser()
    browser.call('Page.addScriptToEvaluateOnNewDocument', source=PAD)
    browser.visit(address)
    begin = time.monotonic()
    browser.wait(f"{TEXT.format('latency')} !== '–'")
    browser.first_image_s = time.monotonic() - begin
    browser.wait("!document.querySelector('.dock').classList.contains('idle')")
    return browser


@pytest.fixture(autouse=True)
def hands_off(request):
    """Let go of everything after each test."""
    yield
    if 'page' in request.fixturenames:
        browser = request.getfixturevalue('page')
        for code in ('ArrowUp', 'ArrowLeft', 'KeyQ'):
            browser.release(code)


def load():
    return f'load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores'


def test_the_first_picture_comes_soon(page):
    print(f'first image {page.first_image_s:.2f} s after the page has loaded; {load()}')
    assert page.first_image_s < 3.0


def test_pictures_come_often_enough(page):
    page.wait(f"Number({TEXT.format('rate')}) >= 15", timeout_s=30.0)
    rate = page.evaluate(TEXT.format('rate'))
    print(f'{rate} images/s of colour, depth and observed, 640x480; {load()}')
    sizes = page.evaluate("[...document.querySelectorAll('[data-stream] canvas')].map("
                          "c => c.width + 'x' + c.height)")
    assert sizes == ['640x480', '320x240', '320x240']


def test_keys_drive_the_picture_moves_and_release_stops(page, rig, wheel):
    rig.reset()
    before = page.evaluate(PIXELS)
    pressed = time.monotonic()
    page.press('ArrowUp')
    arrived = rig.wait(lambda: wheel.arrival(pressed, forward=0.6), what='a command')
    page.wait(f'{PIXELS} !== {before!r}')
    page.press('ArrowLeft')
    rig.wait(lambda: wheel.arrival(pressed, forward=0.6, turn=0.8), what='both keys')
    page.release('ArrowLeft')
    released = time.monotonic()
    page.release('ArrowUp')
    stopped = rig.wait(lambda: wheel.arrival(released, forward=0.0, turn=0.0), what='a stop')
    print(f'key to cmd_vel {(arrived - pressed) * 1e3:.1f} ms, '
          f'release to stop {(stopped - released) * 1e3:.1f} ms; {load()}')
    time.sleep(0.3)
    assert wheel.stands()
    rig.subscribe('odom')
    before = rig.fresh('odom').pose.pose
    time.sleep(0.3)
    assert rig.fresh('odom').pose.pose == before, 'the robot stands'


def test_a_key_is_a_command_within_50_ms(page, rig, wheel):
    times = []
    for _ in range(15):
        pressed = time.monotonic()
        page.press('KeyW')
        times.append(rig.wait(lambda: wheel.arrival(pressed, forward=0.6)) - pressed)
        page.release('KeyW')
        rig.wait(wheel.stands)
    times.sort()
    print(f'key to cmd_vel: median {times[7] * 1e3:.1f} ms, longest {times[-1] * 1e3:.1f} ms, '
          f'DevTools included; {load()}')
    assert times[7] < 0.05


@pytest.mark.parametrize('what', [
    "window.dispatchEvent(new Event('blur'))", "window.dispatchEvent(new Event('pagehide'))",
    "window.dispatchEvent(new Event('contextmenu'))"])
def test_what_takes_the_hand_away_stops(page, rig, wheel, what):
    page.press('ArrowUp')
    rig.wait(lambda: wheel.got and not wheel.stands())
    begin = time.monotonic()
    page.evaluate(what)
    rig.wait(wheel.stands)
    assert time.monotonic() - begin < 0.3
    time.sleep(0.3)
    assert wheel.stands(), 'though the key is still down'


def test_another_window_in_front_stops(page, rig, wheel):
    page.press('ArrowUp')
    rig.wait(lambda: wheel.got and not wheel.stands())
    page.call('Emulation.setFocusEmulationEnabled', enabled=False)
    other = page.call('Target.createTarget', url='about:blank')['targetId']
    page.call('Target.activateTarget', targetId=other)
    rig.wait(wheel.stands)
    page.call('Target.closeTarget', targetId=other)
    page.call('Page.bringToFront')
    page.call('Emulation.setFocusEmulationEnabled', enabled=True)
    page.wait('!document.hidden')


def test_a_page_that_hangs_with_a_key_down_stops(page, rig, wheel):
    page.press('ArrowUp')
    rig.wait(lambda: wheel.got and not wheel.stands())
    begin = time.monotonic()
    page.evaluate('setTimeout(() => { const t = Date.now(); while (Date.now() - t < 1500); }, 0)')
    rig.wait(wheel.stands)
    assert time.monotonic() - begin < 1.2
    page.wait('true')


def test_a_shortcut_is_no_driving(page, rig, wheel):
    since = time.monotonic()
    page.call('Input.dispatchKeyEvent', type='rawKeyDown', code='KeyW', key='w', modifiers=2)
    page.release('KeyW')
    time.sleep(0.3)
    # A last stop of the test before may still arrive.
    assert not [it for it in wheel.got if it[0] > since and it[1:] != (0.0, 0.0)]


def test_a_gamepad_drives_and_its_middle_stops(page, rig, wheel):
    since = time.monotonic()
    page.evaluate('window.axes = [0.05, -1, 0, 0]')   # up; a little turn is the stick's slack
    rig.wait(lambda: wheel.arrival(since, forward=0.6, turn=0.0))
    page.evaluate('window.axes = [-0.5, 0, 0, 0]')
    rig.wait(lambda: wheel.arrival(since, forward=0.0, turn=0.4))
    page.evaluate('window.axes = [0, 0, 0, 0]')
    rig.wait(wheel.stands)


def test_the_buttons_of_the_page_drive_while_they_are_held(page, rig, wheel):
    at = page.evaluate(PLACE)
    mouse = {'x': at[0], 'y': at[1], 'button': 'left', 'clickCount': 1}
    since = time.monotonic()
    page.call('Input.dispatchMouseEvent', type='mousePressed', **mouse)
    rig.wait(lambda: wheel.arrival(since, forward=0.6))
    page.call('Input.dispatchMouseEvent', type='mouseReleased', **mouse)
    rig.wait(wheel.stands)


def test_reset_brings_the_robot_back(page, rig):
    rig.teleport(4.0, 4.0)
    page.wait(f"{TEXT.format('place')}.startsWith('x 4.00')")
    page.evaluate(CLICK.format('reset'))
    page.wait(f"{TEXT.format('place')}.startsWith('x {SPAWN.x:.2f}')")
    page.wait(f"{TEXT.format('hint')} === 'back at the start'")


def test_pause_stands_still_step_shows_one_tick_and_resume_goes_on(page, rig):
    assert page.evaluate(BUTTONS) == ['pause', 'step', 'reset']
    page.evaluate(CLICK.format('pause'))
    page.wait(f"{TEXT.format('pill-text')} === 'paused'")
    page.wait(f"{TEXT.format('rate')} === '–'")
    assert page.evaluate(BUTTONS) == ['resume', 'step', 'reset']
    assert page.evaluate("document.getElementById('notice').hidden"), 'the picture stays'
    rig.subscribe(COLOR)
    page.evaluate(CLICK.format('step'))
    page.wait(f"{TEXT.format('hint')}.startsWith('one tick')")
    rig.wait(lambda: len(rig.got[COLOR]) == 1)
    page.evaluate(CLICK.format('resume'))
    page.wait(f"Number({TEXT.format('rate')}) > 5")
    assert page.evaluate(BUTTONS) == ['pause', 'step', 'reset']


def test_another_scene_is_chosen_from_the_list(page):
    page.wait(f"{SCENES} === 'bundled scene,attic,cellar'")
    for scene in ('cellar', ''):
        page.evaluate(CHOOSE.format(scene))
        page.wait(f"{TEXT.format('hint')} === 'now in {scene or 'the bundled scene'}'")
        page.wait(f"document.getElementById('scenes').value === '{scene}'")
        page.wait(f"{TEXT.format('scene')} === '{scene or 'bundled scene'}'")


def test_what_is_hidden_is_not_rendered(page, rig):
    def readers(topic):
        return rig.node.count_subscribers(f'{rig.namespace}/{topic}')
    rig.wait(lambda: readers(DEPTH) == 1)
    click = "document.querySelector('[data-stream={}] .eye').click()"
    page.evaluate(click.format('depth'))
    rig.wait(lambda: readers(DEPTH) == 0 and readers(COLOR) and readers(OBSERVED))
    page.evaluate(click.format('depth'))
    rig.wait(lambda: readers(DEPTH) == 1)


def test_the_scene_and_its_health_are_said(page):
    page.wait(f"{TEXT.format('scene')} === 'bundled scene'")
    page.wait(f"{TEXT.format('pill-text')}.includes('Hz')")
    page.wait(f"{TEXT.format('render')}.endsWith('ms')")


def test_nothing_comes_from_outside_and_nothing_complains(page):
    assert page.evaluate(FOREIGN) == []
    page.wait('true')
    assert page.complaints == []
    assert page.evaluate("document.querySelectorAll('[style], style, [onclick]').length") == 0


def test_commands_of_the_page_are_all_taken(page, rig, wheel):
    page.press('ArrowUp')
    time.sleep(0.5)
    page.release('ArrowUp')
    rig.wait(wheel.stands)
    rig.subscribe('diagnostics')
    rig.diagnostic('cmd_vel.used', lambda used: int(used) > 0)
    values = rig.values()
    assert values['cmd_vel.used'] == values['cmd_vel.received'], values


def test_a_browser_that_is_killed_with_a_key_down_stops_the_robot(
        make_browser, address, rig, wheel):
    browser = make_browser()
    browser.visit(address)
    browser.wait("!document.querySelector('.dock').classList.contains('idle')")
    browser.press('ArrowUp')
    rig.wait(lambda: wheel.got and not wheel.stands())
    begin = time.monotonic()
    browser.kill()
    rig.wait(wheel.stands)
    assert time.monotonic() - begin < 1.0


def test_without_a_world_the_page_says_so_and_waits(make_browser, viewer, command):
    browser = make_browser()
    process, url = viewer('/late')
    browser.visit(url)
    notice = TEXT.format('notice-title')
    browser.wait(f"{notice} === 'No world is running'")
    browser.wait("!document.getElementById('notice').hidden")
    command('--ros-args', '-r', '__ns:=/late', script=PAINTED)
    browser.wait("document.getElementById('notice').hidden", timeout_s=30.0)
    browser.wait(f"Number({TEXT.format('rate')}) > 5")
    assert browser.complaints == []
    process.terminate()
    browser.wait(f"{notice} === 'The viewer is gone'")
