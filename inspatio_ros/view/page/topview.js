// Copyright 2026 inspatio_ros contributors. SPDX-License-Identifier: Apache-2.0
// The robot from above: x of the map is up, y is left. The wheel zooms; the view follows the robot.

const CELL_M = 0.05;        // of what has been seen
const CELLS = 1600;         // along a side: 80 m
const PATH_STEP_M = 0.03;
const LEAP_M = 1.0;         // further between two poses than anybody drives
const PERIOD_MS = 50;
const LONGEST_PATH = 6000;
const WEDGE_M = 2.2;
const GROUND = '#14191f';
const SEEN = 'rgb(150 176 190 / 22%)';
const NOW = '#e0a54e';
const ROBOT = '#e9edf0';
const WEDGE = '95 179 168';
const PATH = 'rgb(95 179 168 / 85%)';

export class TopView {
  constructor(canvas) {
    this.canvas = canvas;
    this.pen = canvas.getContext('2d', { alpha: false });
    this.seen = document.createElement('canvas');
    this.seen.width = this.seen.height = CELLS;
    this.scale = 42; // pixels per metre, CSS
    this.drawnAt = 0;
    this.forget();
    canvas.addEventListener('wheel', (event) => {
      event.preventDefault();
      this.scale = Math.max(8, Math.min(240, this.scale * Math.exp(-0.0015 * event.deltaY)));
      this.redraw();
    }, { passive: false });
    new ResizeObserver(() => this.redraw()).observe(canvas);
  }

  // Another place, or back at the start.
  forget() {
    this.seen.getContext('2d').clearRect(0, 0, CELLS, CELLS);
    this.centre = null; // of `seen`, metres
    this.path = [];     // [x, y] or null where the robot was put elsewhere
    this.robot = this.camera = this.hfov = null;
    this.dots = [];
    this.redraw();
  }

  forgetPath() {
    this.path = [];
    this.redraw();
  }

  move(robot, camera, hfov) {
    [this.robot, this.camera, this.hfov] = [robot, camera, hfov];
    if (robot) {
      const last = this.path.at(-1);
      const step = last ? Math.hypot(robot[0] - last[0], robot[1] - last[1]) : Infinity;
      if (last && step > LEAP_M) this.path.push(null);
      if (step > PATH_STEP_M) this.path.push([robot[0], robot[1]]);
      if (this.path.length > LONGEST_PATH) this.path.shift();
    }
    this.redraw();
  }

  // dots: x and y by turns
  look(dots) {
    this.dots = dots;
    if (!dots.length) return;
    this.centre ??= [dots[0], dots[1]];
    const pen = this.seen.getContext('2d');
    pen.fillStyle = SEEN;
    for (let i = 0; i < dots.length; i += 2) {
      pen.fillRect(CELLS / 2 - Math.round((dots[i + 1] - this.centre[1]) / CELL_M),
        CELLS / 2 - Math.round((dots[i] - this.centre[0]) / CELL_M), 1, 1);
    }
    this.redraw();
  }

  redraw() {
    this.asked ??= setTimeout(() => requestAnimationFrame(() => {
      this.asked = null;
      this.draw();
    }), Math.max(0, this.drawnAt + PERIOD_MS - performance.now()));
  }

  draw() {
    this.drawnAt = performance.now();
    const { canvas, pen, scale } = this;
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    const size = [Math.round(width * ratio), Math.round(height * ratio)];
    if (canvas.width !== size[0] || canvas.height !== size[1]) [canvas.width, canvas.height] = size;
    const [x, y] = this.robot ?? [0, 0];
    this.at = (mx, my) => [width / 2 - (my - y) * scale, height * 0.56 - (mx - x) * scale];
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.fillStyle = GROUND;
    pen.fillRect(0, 0, width, height);
    this.drawGrid(width, height, x, y);
    this.drawSeen(width, height, x, y);
    this.drawPath();
    if (this.camera) this.drawWedge();
    this.drawDots();
    if (this.robot) this.drawRobot();
    this.drawRuler(width, height);
  }

  drawGrid(width, height, x, y) {
    const { pen, scale } = this;
    const step = scale < 20 ? 5 : 1;
    const far = Math.max(width, height) / scale;
    pen.lineWidth = 1;
    pen.strokeStyle = 'rgb(255 255 255 / 4.5%)';
    pen.beginPath();
    for (let m = Math.ceil((x - far) / step) * step; m < x + far; m += step) {
      const row = Math.round(this.at(m, 0)[1]) + 0.5;
      pen.moveTo(0, row);
      pen.lineTo(width, row);
    }
    for (let m = Math.ceil((y - far) / step) * step; m < y + far; m += step) {
      const column = Math.round(this.at(0, m)[0]) + 0.5;
      pen.moveTo(column, 0);
      pen.lineTo(column, height);
    }
    pen.stroke();
  }

  // Only the cells in view: where there is no GPU, the others would cost as much.
  drawSeen(width, height, x, y) {
    if (!this.centre) return;
    const size = CELL_M * this.scale;
    const half = Math.ceil(Math.max(width, height) / size);
    const column = CELLS / 2 - Math.round((y - this.centre[1]) / CELL_M) - half;
    const row = CELLS / 2 - Math.round((x - this.centre[0]) / CELL_M) - half;
    const [left, top] = this.at(this.centre[0] + (CELLS / 2 - row + 0.5) * CELL_M,
      this.centre[1] + (CELLS / 2 - column + 0.5) * CELL_M);
    this.pen.imageSmoothingEnabled = size < 1;
    this.pen.drawImage(this.seen, column, row, 2 * half, 2 * half,
      left, top, 2 * half * size, 2 * half * size);
  }

  drawPath() {
    const { pen } = this;
    pen.lineWidth = 2;
    pen.lineJoin = pen.lineCap = 'round';
    pen.strokeStyle = PATH;
    pen.beginPath();
    let begin = true;
    for (const point of this.path) {
      if (point) {
        if (begin) pen.moveTo(...this.at(...point));
        else pen.lineTo(...this.at(...point));
      }
      begin = !point;
    }
    if (!begin && this.robot) pen.lineTo(...this.at(...this.robot));
    pen.stroke();
  }

  drawWedge() {
    const { pen } = this;
    const [x, y, yaw] = this.camera;
    const half = (this.hfov ?? 1) / 2;
    const [cx, cy] = this.at(x, y);
    const radius = WEDGE_M * this.scale;
    const light = pen.createRadialGradient(cx, cy, 0, cx, cy, radius);
    light.addColorStop(0, `rgb(${WEDGE} / 42%)`);
    light.addColorStop(1, `rgb(${WEDGE} / 0%)`);
    pen.fillStyle = light;
    pen.beginPath();
    pen.moveTo(cx, cy);
    pen.arc(cx, cy, radius, -Math.PI / 2 - yaw - half, -Math.PI / 2 - yaw + half);
    pen.fill();
  }

  drawDots() {
    const { pen } = this;
    pen.fillStyle = NOW;
    for (let i = 0; i < this.dots.length; i += 2) {
      const [dx, dy] = this.at(this.dots[i], this.dots[i + 1]);
      pen.fillRect(dx - 1.25, dy - 1.25, 2.5, 2.5);
    }
  }

  drawRobot() {
    const { pen } = this;
    const [x, y, yaw] = this.robot;
    pen.save();
    pen.translate(...this.at(x, y));
    pen.rotate(-yaw);
    pen.beginPath();
    pen.moveTo(0, -12);
    pen.lineTo(8.5, 10);
    pen.lineTo(0, 5.5);
    pen.lineTo(-8.5, 10);
    pen.closePath();
    pen.fillStyle = ROBOT;
    pen.fill();
    pen.restore();
  }

  drawRuler(width, height) {
    const { pen, scale } = this;
    const metres = scale > 90 ? 0.5 : scale > 26 ? 1 : 5;
    const [right, bottom] = [width - 16, height - 18];
    pen.strokeStyle = pen.fillStyle = 'rgb(233 237 240 / 60%)';
    pen.lineWidth = 1.5;
    pen.beginPath();
    pen.moveTo(right - metres * scale, bottom - 4);
    pen.lineTo(right - metres * scale, bottom);
    pen.lineTo(right, bottom);
    pen.lineTo(right, bottom - 4);
    pen.stroke();
    pen.font = '11px system-ui, sans-serif';
    pen.textAlign = 'center';
    pen.fillText(`${metres} m`, right - metres * scale / 2, bottom - 7);
  }
}
