// The timeline: drawn lanes, a playhead that follows the video, seeking by pointer and keys, zoom.

const SHORTEST_VIEW_S = 2;

class TimelineView {
  #root = find("#timeline");
  #playhead = find("#timeline .playhead");
  #tip = find("#timeline .tip");
  #drawing = new Drawing(find("#timeline canvas"));
  #laid = { lanes: [], height: RULER };
  #colours = new Colours();
  #time = 0;
  #duration = 1;
  #view = { start_s: 0, stop_s: 1 };

  // onSeek(time); onToggle() plays or pauses.
  constructor({ onSeek, onToggle }) {
    this.onSeek = onSeek;
    this.onToggle = onToggle;
    this.#listen();
  }

  begin(duration, colours) {
    this.#duration = duration;
    this.#colours = colours;
    this.#view = { start_s: 0, stop_s: duration };
    this.#time = 0;
    this.#root.setAttribute("aria-valuemax", duration.toFixed(1));
    this.show({ sides: [], truth: {}, traces: null });
  }

  show(content) {
    this.#laid = lay(content);
    this.stepSizes = content.sides.map((side) => side.answer.timeline.stride_s);
    this.draw();
  }

  draw() {
    this.#drawing.duration_s = this.#duration;
    this.#drawing.draw(this.#laid, this.#view, this.#colours);
    this.#place();
  }

  set time(time) {
    this.#time = time;
    const { start_s, stop_s } = this.#view;
    if (time < start_s || time > stop_s) this.#look(time - (stop_s - start_s) * 0.1, stop_s - start_s);
    this.#place();
  }

  zoom(factor, around = this.#time) {
    const { start_s, stop_s } = this.#view;
    const length = clamp((stop_s - start_s) * factor, Math.min(SHORTEST_VIEW_S, this.#duration), this.#duration);
    this.#look(around - ((around - start_s) / (stop_s - start_s)) * length, length);
  }

  // What stands in each track at a time.
  at(time) {
    const tracks = this.#laid.lanes.filter((lane) => lane.kind === "track");
    return tracks.map(({ segments }) => segments.find((one) => one.start_s <= time && time < one.stop_s)).filter(Boolean);
  }

  #look(start, length) {
    const first = clamp(start, 0, Math.max(0, this.#duration - length));
    this.#view = { start_s: first, stop_s: first + length };
    this.draw();
  }

  #place() {
    this.#playhead.style.transform = `translateX(${this.#drawing.x(this.#time)}px)`;
    const said = this.at(this.#time).map(({ name, guesses }) => (name ? `${name} ${percent(guesses[0].confidence)}` : "nothing sure"));
    this.#root.setAttribute("aria-valuenow", this.#time.toFixed(1));
    this.#root.setAttribute("aria-valuetext", [clock(this.#time), ...said].join(", "));
  }

  #timeOf(event) {
    const box = this.#root.getBoundingClientRect();
    const share = clamp((event.clientX - box.left - 4) / (box.width - 8), 0, 1);
    return this.#view.start_s + share * (this.#view.stop_s - this.#view.start_s);
  }

  #listen() {
    const root = this.#root;
    root.addEventListener("pointerdown", (event) => {
      root.setPointerCapture(event.pointerId);
      this.onSeek(this.#timeOf(event));
    });
    root.addEventListener("pointermove", (event) => {
      if (root.hasPointerCapture(event.pointerId)) this.onSeek(this.#timeOf(event));
      if (event.pointerType === "mouse") this.#hint(event);
    });
    root.addEventListener("pointerleave", () => { this.#tip.hidden = true; });
    root.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    root.addEventListener("keydown", (event) => this.#key(event));
    const [out, closer] = find("#zoom").children;
    out.addEventListener("click", () => this.zoom(2));
    closer.addEventListener("click", () => this.zoom(0.5));
    new ResizeObserver(() => this.draw()).observe(root);
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  #hint(event) {
    const time = this.#timeOf(event);
    const box = this.#root.getBoundingClientRect();
    const y = event.clientY - box.top;
    const lane = this.#laid.lanes.find((one) => one.segments && y >= one.y && y < one.y + one.height);
    const segment = lane?.segments.find((one) => one.start_s <= time && time < one.stop_s);
    const sure = segment?.guesses ? ` ${percent(segment.guesses[0].confidence)}` : "";
    this.#tip.textContent = segment ? `${clock(time)}  ${segment.name || "nothing sure"}${sure}` : clock(time);
    this.#tip.hidden = false;
    const half = this.#tip.offsetWidth / 2;
    this.#tip.style.left = `${clamp(event.clientX - box.left, half, box.width - half)}px`;
  }

  #wheel(event) {
    const { start_s, stop_s } = this.#view;
    if (event.ctrlKey) this.zoom(Math.exp(event.deltaY / 200), this.#timeOf(event));
    else if (event.deltaX) this.#look(start_s + (event.deltaX / this.#drawing.width) * (stop_s - start_s), stop_s - start_s);
    else return;
    event.preventDefault();
  }

  #key(event) {
    const step = Math.max(0.1, Math.min(1, ...(this.stepSizes ?? []))) * (event.shiftKey ? 10 : 1);
    const moves = {
      ArrowLeft: () => this.#time - step,
      ArrowRight: () => this.#time + step,
      ArrowDown: () => this.#time - step,
      ArrowUp: () => this.#time + step,
      Home: () => 0,
      End: () => this.#duration,
      PageUp: () => this.#edge(-1),
      PageDown: () => this.#edge(1),
    };
    if (moves[event.key]) this.onSeek(clamp(moves[event.key](), 0, this.#duration));
    else if (event.key === " ") this.onToggle();
    else if (event.key === "+" || event.key === "=") this.zoom(0.5);
    else if (event.key === "-") this.zoom(2);
    else return;
    event.preventDefault();
  }

  // Where the next segment begins, or the one before.
  #edge(direction) {
    const starts = this.#laid.lanes.filter(({ kind }) => kind === "track").flatMap(({ segments }) => segments.map((one) => one.start_s));
    const sorted = starts.sort((one, other) => one - other);
    if (direction > 0) return sorted.find((start) => start > this.#time + 0.05) ?? this.#duration;
    return sorted.findLast((start) => start < this.#time - 0.05) ?? 0;
  }
}
