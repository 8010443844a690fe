// Copyright 2026 inspatio_ros contributors. SPDX-License-Identifier: Apache-2.0
// The connection to the viewer: tries again when it is lost, hands on what comes.

const FIRST_WAIT_MS = 400;
const LONGEST_WAIT_MS = 4000;

export class Link {
  // on: {open(), closed(), message(object), bundle(header, bytes): promise, kept when it is shown}
  constructor(on) {
    this.on = on;
    this.wait = FIRST_WAIT_MS;
    this.connect();
  }

  connect() {
    const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
    const socket = new WebSocket(`${scheme}//${location.host}/connection`);
    this.socket = socket;
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => {
      this.wait = FIRST_WAIT_MS;
      this.on.open();
    };
    socket.onmessage = async ({ data }) => {
      if (typeof data === 'string') {
        this.on.message(JSON.parse(data));
        return;
      }
      const bytes = new Uint8Array(data);
      const end = bytes.indexOf(10);
      const header = JSON.parse(new TextDecoder().decode(bytes.subarray(0, end)));
      try {
        await this.on.bundle(header, bytes.subarray(end + 1));
      } finally {
        send(socket, { shown: header.bundle });
      }
    };
    socket.onclose = () => {
      this.on.closed();
      setTimeout(() => this.connect(), this.wait);
      this.wait = Math.min(2 * this.wait, LONGEST_WAIT_MS);
    };
  }

  // Says nothing while there is no connection: what was held then is not meant later.
  say(message) {
    send(this.socket, message);
  }
}

function send(socket, message) {
  if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}
