// The segments as a table, for those who would rather read than look; made when it is opened.

const MOST_LINES = 1000;

class SegmentTable {
  #root = find("#segments");
  #sides = [];

  constructor(onSeek) {
    this.onSeek = onSeek;
    this.#root.addEventListener("toggle", () => this.#fill());
  }

  show(sides) {
    this.#sides = sides;
    this.#root.hidden = !sides.length;
    this.#fill();
  }

  #fill() {
    if (!this.#root.open || this.#root.hidden) return;
    const tables = this.#sides.map((side) => {
      const track = side.answer.timeline.tracks[side.answer.leading];
      const lines = track.slice(0, MOST_LINES).map((segment) => this.#line(segment));
      const more = track.length > MOST_LINES ? [make("p", { class: "soft" }, `and ${track.length - MOST_LINES} more; download them all`)] : [];
      const name = this.#sides.length > 1 ? [make("h3", { dir: "auto" }, side.name)] : [];
      return [...name, make("table", {}, make("tbody", {}, ...lines)), ...more];
    });
    this.#root.lastElementChild.replaceChildren(...tables.flat());
  }

  #line({ start_s, stop_s, name, guesses }) {
    const button = make("button", { type: "button", class: "quiet", onclick: () => this.onSeek(start_s) }, `${clock(start_s)} – ${clock(stop_s)}`);
    const said = make("td", { dir: "auto", class: name ? "" : "soft" }, name || "nothing sure");
    return make("tr", {}, make("td", {}, button), said, make("td", {}, percent(guesses[0].confidence)));
  }
}
