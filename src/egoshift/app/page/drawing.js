// Lanes on a canvas.

class Drawing {
  #canvas;
  #context;

  constructor(canvas) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d");
  }

  // view: { start_s, stop_s }; all times outside it are left out.
  draw({ lanes, height }, view, colours) {
    const width = this.#canvas.parentElement.clientWidth - 8;
    const density = window.devicePixelRatio || 1;
    Object.assign(this.#canvas, { width: Math.round(width * density), height: Math.round(height * density) });
    this.#canvas.style.height = `${height}px`;
    const style = getComputedStyle(document.documentElement);
    this.ink = (name) => style.getPropertyValue(`--${name}`).trim();
    this.width = width;
    this.view = view;
    this.colours = colours;
    this.#context.scale(density, density);
    this.#context.font = `12px ${getComputedStyle(document.body).fontFamily}`;
    this.#context.textBaseline = "middle";
    this.#ruler();
    for (const lane of lanes) this[lane.kind](lane);
  }

  x(time) {
    return ((time - this.view.start_s) / (this.view.stop_s - this.view.start_s)) * this.width;
  }

  #ruler() {
    const context = this.#context;
    const least = ((this.view.stop_s - this.view.start_s) * 70) / this.width;
    const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800];
    const step = steps.find((one) => one >= least) ?? 3600;
    context.fillStyle = this.ink("soft");
    for (let tick = Math.ceil(this.view.start_s / step); tick * step <= this.view.stop_s; tick += 1) {
      const x = this.x(tick * step);
      const text = clock(tick * step, step < 1 ? 1 : 0);
      const half = context.measureText(text).width / 2;
      context.fillText(text, clamp(x, half, this.width - half) - half, 9);
    }
  }

  title({ y, height, text }) {
    this.#context.fillStyle = this.ink("soft");
    this.#context.fillText(text[0].toUpperCase() + text.slice(1), 0, y + height / 2 - 1);
  }

  #boxes(segments, draw) {
    for (const segment of segments) {
      if (segment.stop_s < this.view.start_s || segment.start_s > this.view.stop_s) continue;
      const left = Math.max(-9, this.x(segment.start_s));
      draw(segment, left, Math.max(1, Math.min(this.width + 9, this.x(segment.stop_s)) - left));
    }
  }

  #fill(label, name, x, y, width, height, radius) {
    const context = this.#context;
    const inner = width > 3 ? width - 1 : width;
    context.fillStyle = this.colours.of(label, name);
    context.beginPath();
    context.roundRect(x, y, inner, height, Math.min(radius, inner / 2));
    context.fill();
  }

  track({ y, height, label, segments }) {
    const context = this.#context;
    context.fillStyle = this.ink("well");
    context.fillRect(0, y + height / 2 - 1, this.width, 2);
    this.#boxes(segments, (segment, x, width) => {
      if (!segment.name) return;
      this.#fill(label, segment.name, x, y, width, height, 6);
      this.#surely(segment, x, y, width, height);
      this.#name(segment.name, x, y, width, height);
    });
  }

  // How sure the model is: a line at the foot, as long as the confidence is a share of the whole.
  #surely(segment, x, y, width, height) {
    if (width < 14) return;
    const context = this.#context;
    context.fillStyle = "rgb(20 32 43 / .45)";
    context.fillRect(x + 6, y + height - 5, (width - 13) * segment.guesses[0].confidence, 2);
  }

  #name(name, x, y, width, height) {
    const context = this.#context;
    const left = Math.max(x, 0) + 6;
    const room = Math.min(x + width, this.width) - left - 5;
    if (room < 16) return;
    context.fillStyle = TEXT_ON_TONE;
    context.fillText(this.#fitting(name, room), left, y + height / 2 - 1);
  }

  #fitting(name, room) {
    const context = this.#context;
    if (context.measureText(name).width <= room) return name;
    const letters = [...name];
    while (letters.length && context.measureText(`${letters.join("")}…`).width > room) letters.pop();
    return letters.length > 1 ? `${letters.join("")}…` : "";
  }

  truth({ y, height, label, segments }) {
    this.#boxes(segments, (segment, x, width) => this.#fill(label, segment.name, x, y, width, height - 3, 3));
  }

  ghost({ y, height, label, segments }) {
    this.#context.globalAlpha = 0.7;
    this.#boxes(segments, (segment, x, width) => {
      if (segment.name) this.#fill(label, segment.name, x, y + 2, width, height - 3, 3);
    });
    this.#context.globalAlpha = 1;
  }

  changes({ y, stretches }) {
    this.#context.fillStyle = this.ink("accent");
    this.#boxes(stretches, (_, x, width) => this.#context.fillRect(x, y + 1, Math.max(2, width - 1), 3));
  }

  sound(lane) {
    this.#trace(lane, 1, true);
  }

  motion(lane) {
    this.#trace(lane, Math.max(...lane.values.filter((value) => value != null), 1e-9), false);
  }

  #trace({ y, height, values, faint }, most, mirrored) {
    const context = this.#context;
    const span = this.duration_s / values.length;
    context.fillStyle = this.ink("soft");
    context.globalAlpha = faint ? 0.25 : 0.7;
    for (let x = 0; x < this.width; x += 2) {
      const seconds = (place) => this.view.start_s + (place / this.width) * (this.view.stop_s - this.view.start_s);
      const first = Math.floor(seconds(x) / span);
      const window = values.slice(first, Math.max(first + 1, Math.floor(seconds(x + 2) / span)));
      const peak = Math.max(...window.map((value) => value ?? -1));
      if (peak < 0) continue;
      // The square root lets quiet sounds be seen beside loud ones.
      const tall = Math.max(1, Math.sqrt(Math.min(1, peak / most)) * height);
      context.fillRect(x, mirrored ? y + (height - tall) / 2 : y + height - tall, 1.5, tall);
    }
    context.globalAlpha = 1;
  }
}
