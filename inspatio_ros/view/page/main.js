// Copyright 2026 inspatio_ros contributors. SPDX-License-Identifier: Apache-2.0
// Joins the page and the connection.

import { Hand } from '/drive.js';
import { Link } from '/link.js';
import { TopView } from '/topview.js';

const RATE_OVER_MS = 2000;
const STALE_MS = 2500;
const BUNDLED = 'bundled scene'; // as the node calls it

const byId = (id) => document.getElementById(id);
// Text that is there already is no reason to lay the page out again.
const write = (id, text) => {
  if (byId(id).textContent !== text) byId(id).textContent = text;
};
const panels = new Map([...document.querySelectorAll('[data-stream]')].map(
  (panel) => [panel.dataset.stream, panel]));
const top = new TopView(byId('top'));
let state = {};
let saidPaused = false;
let notice = ''; // what the last button was answered, or why it does not drive
const shownAt = []; // ms, of the last colour images
let anyAt = 0;

const link = new Link({
  open() {
    document.body.dataset.link = 'open';
    sayWhatIsShown();
    draw();
  },
  closed() {
    document.body.dataset.link = 'closed';
    state = {};
    draw();
  },
  message(message) {
    if ('answer' in message) onAnswer(message);
    else if ('busy' in message) tell('Somebody else is driving.');
    else onState(message);
  },
  bundle: show,
});

const hand = new Hand(byId('keys'), () => Number(byId('fast').value),
  () => Number(byId('swift').value), (velocity) => link.say({ drive: velocity }));

// ---- what comes

function onState(next) {
  if (state.scene && next.scene && state.scene !== next.scene) top.forget();
  if (state.world && !next.world) top.forget();
  if (next.state && next.state !== state.state) saidPaused = next.state === 'paused';
  state = next;
  top.move(state.robot, state.camera, state.hfov);
  draw();
}

function onAnswer({ answer, success, message }) {
  if (success && answer === 'reset') top.forgetPath();
  if (success && answer === 'pause') saidPaused = true;
  if (success && answer === 'resume') saidPaused = false;
  tell(success ? message : message || `${answer} failed`);
}

async function show(header, bytes) {
  let begin = 0;
  const decoded = await Promise.all(header.pictures.map((picture) => {
    const jpeg = bytes.subarray(begin, begin += picture.bytes);
    return createImageBitmap(new Blob([jpeg], { type: 'image/jpeg' }));
  }));
  const now = performance.now();
  anyAt = now;
  header.pictures.forEach((picture, i) => {
    const panel = panels.get(picture.stream);
    const canvas = panel.querySelector('canvas');
    if (canvas.width !== picture.width || canvas.height !== picture.height) {
      [canvas.width, canvas.height] = [picture.width, picture.height];
    }
    canvas.getContext('2d', { alpha: false }).drawImage(decoded[i], 0, 0);
    decoded[i].close();
    panel.classList.remove('stale');
    if (picture.stream === 'color') shownAt.push(now);
    if (picture.near) write('near', metres(picture.near));
    if (picture.far) write('far', metres(picture.far));
    if (picture.outline) top.look(picture.outline);
  });
  write('latency', header.latency_ms === null ? '–' : `${header.latency_ms.toFixed(0)} ms`);
}

function metres(depth) {
  return `${depth.toFixed(depth < 1 ? 2 : depth < 10 ? 1 : 0)} m`;
}

// ---- what is said

function sayWhatIsShown() {
  const wanted = [...panels].filter(([, panel]) => !panel.classList.contains('off'));
  link.say({ show: document.hidden ? [] : wanted.map(([name]) => name) });
}

for (const panel of panels.values()) {
  const eye = panel.querySelector('.eye');
  const turn = (off) => {
    panel.classList.toggle('off', off);
    eye.textContent = off ? 'Show' : 'Hide';
    sayWhatIsShown();
  };
  eye.addEventListener('click', () => {
    turn(!panel.classList.contains('off'));
    eye.blur();
  });
  eye.textContent = 'Hide';
}

document.addEventListener('visibilitychange', sayWhatIsShown);

for (const button of document.querySelectorAll('[data-call]')) {
  button.addEventListener('click', () => {
    link.say({ call: button.dataset.call });
    button.blur(); // space and arrows are for driving
  });
}

for (const [id, unit] of [['fast', 'm/s'], ['swift', 'rad/s']]) {
  const slider = byId(id);
  const showValue = () => write(`${id}-text`, `${Number(slider.value).toFixed(1)} ${unit}`);
  slider.addEventListener('input', () => {
    showValue();
    hand.say();
  });
  slider.addEventListener('pointerup', () => slider.blur());
  showValue();
}

byId('scenes').addEventListener('change', () => {
  link.say({ scene: byId('scenes').value });
  byId('scenes').blur();
});

// ---- what is written

let quiet;

function tell(text) {
  notice = text;
  clearTimeout(quiet);
  quiet = setTimeout(() => {
    notice = '';
    draw();
  }, 3000);
  draw();
}

function draw() {
  const open = document.body.dataset.link === 'open';
  const scene = (state.scene ?? '').split('/').filter(Boolean).at(-1) ?? '';
  write('scene', scene || 'inspatio');
  drawScenes();
  document.title = scene ? `${scene} · inspatio` : 'inspatio';
  drawPill(open);
  drawNotice(open);
  const number = (value, unit, digits) => (Number.isFinite(value)
    ? `${value.toFixed(digits).replace(/^-(0\.?0*)$/, '$1')} ${unit}` : '–');
  write('render', number(state.render_ms, 'ms', 1));
  const came = Object.entries(state.rates ?? {}).map(([name, rate]) => `${name} ${rate}`);
  const title = `Shown here, per second. What came to the viewer: ${came.join(', ')}`;
  if (byId('rate').parentElement.title !== title) byId('rate').parentElement.title = title;
  write('speed', number(state.speed?.[0], 'm/s', 2));
  write('turn', number(state.speed?.[1], 'rad/s', 2));
  write('place', state.robot ? `x ${state.robot[0].toFixed(2)}   y ${state.robot[1].toFixed(2)} m   `
    + `${(state.robot[2] * 180 / Math.PI).toFixed(0)}°` : '');
  drawDock();
}

// A list where the node has names for several; the first entry is the bundled scene, or the one
// that is shown and has no name.
function drawScenes() {
  const names = state.scenes ?? [];
  const list = byId('scenes');
  list.hidden = !names.length;
  byId('scene').hidden = !list.hidden;
  if ([...list.options].slice(1).map((option) => option.value).join('\n') !== names.join('\n')) {
    list.replaceChildren(new Option(BUNDLED, ''), ...names.map((name) => new Option(name, name)));
  }
  const named = !state.scene || names.includes(state.scene);
  if (!list.hidden) list.options[0].text = named ? BUNDLED : byId('scene').textContent;
  if (document.activeElement !== list) list.value = names.includes(state.scene) ? state.scene : '';
}

function drawPill(open) {
  let [text, level] = ['connecting', ''];
  if (document.body.dataset.link === 'closed') [text, level] = ['viewer lost', 2];
  else if (open && state.complaint) [text, level] = [state.complaint, 1];
  else if (open && !state.world) [text, level] = ['no world', 1];
  else if (open && saidPaused) [text, level] = ['paused', 1];
  else if (open) [text, level] = [state.text || 'running', state.level];
  write('pill-text', text);
  byId('pill').title = text;
  byId('pill').dataset.level = level;
}

function drawNotice(open) {
  const stale = performance.now() - anyAt > STALE_MS;
  let words = null;
  if (document.body.dataset.link === 'closed') {
    words = ['The viewer is gone', 'Start it again with ./inspatio view; this page waits for it.'];
  } else if (open && !state.world) {
    words = ['No world is running', 'Start one with ./inspatio world; this page waits for it.'];
  } else if (open && saidPaused && !anyAt) {
    words = ['Paused', 'Resume brings pictures, Step brings one.'];
  } else if (open && stale && !saidPaused && !panels.get('color').classList.contains('off')) {
    words = ['No pictures', state.text ? `The world says: ${state.text}` : 'The world is silent.'];
  }
  byId('notice').hidden = !words;
  for (const panel of panels.values()) panel.classList.toggle('stale', words !== null);
  if (!words) return;
  write('notice-title', words[0]);
  write('notice-text', words[1]);
}

function drawDock() {
  for (const button of document.querySelectorAll('[data-call]')) {
    const name = button.dataset.call;
    const there = (state.services ?? []).includes(name);
    button.hidden = !there || (name === 'pause' && saidPaused) || (name === 'resume' && !saidPaused);
  }
  const hint = byId('hint');
  const idle = state.world && !state.drives;
  document.querySelector('.dock').classList.toggle('idle', !state.drives);
  hint.classList.toggle('warn', Boolean(!notice && idle));
  write('hint', notice || (idle ? 'The world listens to no cmd_vel: something else moves it.'
    : 'Arrow keys or W A S D drive, Q and E go sideways, a gamepad works too. Letting go stops.'));
}

setInterval(() => {
  const since = performance.now() - RATE_OVER_MS;
  while (shownAt.length && shownAt[0] < since) shownAt.shift();
  const rate = shownAt.length / (RATE_OVER_MS / 1000);
  write('rate', rate ? rate.toFixed(rate < 10 ? 1 : 0) : '–');
  drawNotice(document.body.dataset.link === 'open');
}, 500);
