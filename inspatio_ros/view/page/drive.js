// Copyright 2026 inspatio_ros contributors. SPDX-License-Identifier: Apache-2.0
// Keys, buttons and gamepad as one velocity. Whatever takes the hand away, stops: key-up, another
// window, another tab, a menu, a lost pointer. The viewer stops a page that says nothing, too.

const REPEAT_MS = 100;
const GAMEPAD_MS = 40;
const DEAD_ZONE = 0.12;

// Key (its place on the keyboard) -> forward, left, turn.
const KEYS = {
  ArrowUp: [1, 0, 0], ArrowDown: [-1, 0, 0], ArrowLeft: [0, 0, 1], ArrowRight: [0, 0, -1],
  KeyW: [1, 0, 0], KeyS: [-1, 0, 0], KeyA: [0, 0, 1], KeyD: [0, 0, -1],
  KeyQ: [0, 1, 0], KeyE: [0, -1, 0],
};

// Arrows move what is in focus: a slider, a list.
const isForm = (element) => element instanceof HTMLInputElement
  || element instanceof HTMLSelectElement;

export class Hand {
  // buttons: element with [data-key]; fast, swift: () => m/s, rad/s; drive: called with a velocity
  constructor(buttons, fast, swift, drive) {
    this.buttons = buttons;
    this.fast = fast;
    this.swift = swift;
    this.drive = drive;
    this.held = new Set();
    this.stick = [0, 0, 0];
    this.said = [0, 0, 0];
    this.listen();
    setInterval(() => this.said.some(Boolean) && this.drive(this.said), REPEAT_MS);
    setInterval(() => this.look(), GAMEPAD_MS);
  }

  listen() {
    window.addEventListener('keydown', (event) => this.onKey(event));
    window.addEventListener('keyup', (event) => this.release(event.code));
    window.addEventListener('blur', () => this.releaseAll());
    window.addEventListener('pagehide', () => this.releaseAll());
    window.addEventListener('contextmenu', () => this.releaseAll());
    document.addEventListener('visibilitychange', () => document.hidden && this.releaseAll());
    for (const button of this.buttons.querySelectorAll('[data-key]')) {
      const { key } = button.dataset;
      button.addEventListener('pointerdown', (event) => {
        if (event.button !== 0) return;
        event.preventDefault();
        button.setPointerCapture(event.pointerId);
        this.hold(key);
      });
      button.addEventListener('contextmenu', (event) => { // a finger that stays
        event.preventDefault();
        event.stopPropagation();
      });
      for (const name of ['pointerup', 'pointercancel', 'lostpointercapture']) {
        button.addEventListener(name, () => this.release(key));
      }
    }
  }

  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) {
      this.releaseAll(); // a shortcut; key-up may go elsewhere
      return;
    }
    if (event.code === 'Space' && !(event.target instanceof HTMLButtonElement)) {
      this.releaseAll();
    } else if (event.code in KEYS && !isForm(event.target)) {
      event.preventDefault();
      if (!event.repeat) this.hold(event.code);
    }
  }

  hold(key) {
    this.held.add(key);
    this.say();
  }

  release(key) {
    if (this.held.delete(key)) this.say();
  }

  releaseAll() {
    this.held.clear();
    this.stick = [0, 0, 0];
    this.say();
  }

  look() {
    const pads = document.hasFocus() ? [...navigator.getGamepads()].filter(Boolean) : [];
    const axis = (value) => (Math.abs(value) < DEAD_ZONE ? 0 : -value);
    // Left stick: forward and turn. Right stick, where there is one: sideways.
    const [turn = 0, forward = 0, left = 0] = pads.length ? pads[0].axes : [];
    const stick = [axis(forward), axis(left), axis(turn)];
    if (stick.some((value, i) => value !== this.stick[i])) {
      this.stick = stick;
      this.say();
    }
  }

  say() {
    const share = [...this.stick];
    for (const key of this.held) KEYS[key].forEach((value, i) => { share[i] += value; });
    const scale = [this.fast(), this.fast(), this.swift()];
    const velocity = share.map((value, i) => Math.max(-1, Math.min(1, value)) * scale[i]);
    for (const button of this.buttons.querySelectorAll('[data-key]')) {
      const same = KEYS[button.dataset.key].join();
      button.classList.toggle('down', [...this.held].some((key) => KEYS[key].join() === same));
    }
    if (velocity.every((value, i) => value === this.said[i])) return;
    this.said = velocity;
    this.drive(velocity);
  }
}
