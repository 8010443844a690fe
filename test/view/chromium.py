# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A headless Chromium, told what to do over the DevTools protocol."""

import asyncio
import base64
import json
from pathlib import Path
import shutil
import subprocess
import time

import aiohttp

NAMES = ('chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable')
# DevTools: what a key is called, and its number.
KEYS = {'ArrowUp': 38, 'ArrowLeft': 37, 'ArrowRight': 39, 'ArrowDown': 40, 'KeyW': 87, 'KeyQ': 81,
        'Space': 32}


def find():
    """Return the path of a Chromium; None if there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Chromium:
    """
    One browser with one page.

    :param folder: for its profile.
    :param size: of the window, pixels.
    """

    def __init__(self, folder: Path, size=(1280, 800)):
        """Start it."""
        self._process = subprocess.Popen(
            [find(), '--headless=new', '--no-sandbox', '--disable-gpu', '--no-first-run',
             '--disable-background-networking', '--disable-dev-shm-usage', '--mute-audio',
             f'--window-size={size[0]},{size[1]}', '--remote-debugging-port=0',
             f'--user-data-dir={folder}', 'about:blank'],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._loop = asyncio.new_event_loop()
        self._number = 0
        self.complaints = []   # of the console, the page's errors and the log
        self._loop.run_until_complete(self._connect(folder / 'DevToolsActivePort'))
        for domain in ('Page', 'Runtime', 'Log'):
            self.call(f'{domain}.enable')
        self.call('Emulation.setDeviceMetricsOverride', width=size[0], height=size[1],
                  deviceScaleFactor=1, mobile=False)
        self.call('Emulation.setFocusEmulationEnabled', enabled=True)

    async def _connect(self, port_file):
        end = time.monotonic() + 30.0
        while not port_file.exists() or '\n' not in port_file.read_text():
            assert self._process.poll() is None and time.monotonic() < end, 'no Chromium'
            await asyncio.sleep(0.05)
        port = port_file.read_text().split()[0]
        self._session = aiohttp.ClientSession()
        async with self._session.get(f'http://127.0.0.1:{port}/json') as answer:
            pages = [page for page in await answer.json() if page['type'] == 'page']
        self._socket = await self._session.ws_connect(pages[0]['webSocketDebuggerUrl'],
                                                      max_msg_size=0)

    def call(self, method, **parameters):
        """Call a method of the protocol and return its result."""
        return self._loop.run_until_complete(
            asyncio.wait_for(self._call(method, parameters), 30.0))

    async def _call(self, method, parameters):
        self._number += 1
        number = self._number
        await self._socket.send_str(json.dumps(
            {'id': number, 'method': method, 'params': parameters}))
        while True:
            message = json.loads((await self._socket.receive()).data)
            if message.get('id') == number:
                assert 'error' not in message, message
                return message['result']
            self._note(message)

    def _note(self, event):
        details = event.get('params', {})
        if event.get('method') == 'Runtime.exceptionThrown':
            self.complaints.append(details['exceptionDetails'])
        elif event.get('method') == 'Runtime.consoleAPICalled' and details['type'] in (
                'error', 'warning', 'assert'):
            self.complaints.append(details['args'])
        elif event.get('method') == 'Log.entryAdded' and details['entry']['level'] == 'error':
            self.complaints.append(details['entry'])

    def visit(self, address):
        """Go to a page and wait until it has loaded."""
        self.call('Page.navigate', url=address)
        self.wait("location.href !== 'about:blank' && document.readyState === 'complete'")

    def evaluate(self, script):
        """Return the value of an expression in the page."""
        result = self.call('Runtime.evaluate', expression=script, returnByValue=True,
                           awaitPromise=True)
        assert 'exceptionDetails' not in result, result
        return result['result'].get('value')

    def wait(self, script, timeout_s=10.0):
        """Wait until an expression is true; return how long that took, seconds."""
        begin = time.monotonic()
        while not self.evaluate(script):
            assert time.monotonic() - begin < timeout_s, f'{timeout_s} s for {script}'
            time.sleep(0.02)
        return time.monotonic() - begin

    def press(self, code):
        """Press a key and hold it."""
        self.call('Input.dispatchKeyEvent', type='rawKeyDown', code=code, key=code,
                  windowsVirtualKeyCode=KEYS[code])

    def release(self, code):
        """Let a key go."""
        self.call('Input.dispatchKeyEvent', type='keyUp', code=code, key=code,
                  windowsVirtualKeyCode=KEYS[code])

    def screenshot(self, path, quality=None):
        """Write what the page looks like into a file."""
        kind = {'format': 'jpeg', 'quality': quality} if quality else {'format': 'png'}
        path.write_bytes(base64.b64decode(self.call('Page.captureScreenshot', **kind)['data']))

    def kill(self):
        """End it as a crash does: no word to the page."""
        self._process.kill()
        self._process.wait()

    def close(self):
        """End it."""
        self._loop.run_until_complete(self._session.close())
        self._loop.close()
        self.kill()
