// Copyright 2026 inspatio_ros contributors. SPDX-License-Identifier: Apache-2.0
// The connection to the viewer: tries again when it is lost, hands on what comes.

const FIRST_WAIT_MS = 400;
const LONGEST_WAIT_MS = 4000;

export class Link {
  // on: {open(), closed(), message(object), bundle(header, bytes)}
  constructor(on) {
    this.on = on;
    this.wait = FIRST_WAIT_MS;
    this.connect();
  }

  connect() {
    const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
    this.socket = new WebSocket(`${scheme}//${location.host}/connection`);
    this.socket.binaryType = 'arraybuffer';
    this.socket.onopen = () => {
      this.wait = FIRST_WAIT_MS;
      this.on.open();
    };
    this.socket.onmessage = ({ data }) => {
      if (typeof data === 'string') {
        this.on.message(JSON.parse(data));
        return;
      }
      const bytes = new Uint8Array(data);
      const end = bytes.indexOf(10);
      const header = JSON.parse(new TextDecoder().decode(bytes.subarray(0, end)));
      this.on.bundle(header, bytes.subarray(end + 1));
    };
    this.socket.onclose = () => {
      this.on.closed();
      setTimeout(() => this.connect(), this.wait);
      this.wait = Math.min(2 * this.wait, LONGEST_WAIT_MS);
    };
  }

  // Says nothing while there is no connection: what was held then is not meant later.
  say(message) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }
}
