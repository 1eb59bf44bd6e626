// What a model thinks at the playhead: the likeliest classes, and the hand crops it looked at.

class Moment {
  #root = find("#moment");
  #hand = find("#hand");
  #sides = [];

  show(sides, colours) {
    this.#root.hidden = !sides.length;
    this.#root.classList.toggle("two", sides.length > 1);
    this.#sides = sides.map((side) => this.#build(side, sides.length > 1, colours));
    this.#root.replaceChildren(...this.#sides.map(({ element }) => element));
    this.#hand.hidden = true;
  }

  at(time) {
    for (const side of this.#sides) {
      const step = nearest(side.answer.times_s, time);
      if (step !== side.step) this.#bars(side, step);
      side.step = step;
      this.#crops(side, time);
    }
    if (this.#sides.length) this.#outline(this.#sides[0].answer.hands, time);
  }

  #build(side, isNamed, colours) {
    const labels = inOrder(side.answer.top);
    const lists = labels.map((label) => make("ol", { "aria-label": label }));
    const crops = make("img", { hidden: true, alt: "" });
    const heading = make("h2", { class: "wide", dir: "auto" }, isNamed ? side.name : "At the playhead");
    const groups = labels.map((label, place) => make("div", { class: place === 0 && labels.length !== 2 ? "wide" : "" }, make("h3", {}, label[0].toUpperCase() + label.slice(1)), lists[place]));
    const seen = make("div", { class: "wide", hidden: true }, make("h3", {}, "Hand crops"), crops);
    // 0 is the whole frame, for no hand was found.
    const sawHands = side.answer.hands.origins.some((origin) => origin !== 0);
    return { ...side, sawHands, colours, labels, lists, crops, seen, element: make("div", { class: "side" }, heading, ...groups, seen) };
  }

  #bars(side, step) {
    side.labels.forEach((label, place) => {
      const names = side.answer.timeline.classes[label];
      const top = step < 0 ? [] : side.answer.top[label][step];
      side.lists[place].replaceChildren(...top.map(([index, share]) => this.#bar(side, label, names[index], share)));
      if (!top.length) side.lists[place].replaceChildren(make("li", { class: "soft" }, "not read"));
    });
  }

  #bar(side, label, name, share) {
    const fill = make("i");
    fill.style.width = percent(share);
    fill.style.background = side.colours.of(label, name);
    const text = make("span", { dir: "auto", title: name }, fill, name);
    return make("li", {}, text, make("b", {}, percent(share)));
  }

  #crops(side, time) {
    const hands = side.answer.hands;
    if (!side.sawHands) return;
    const track = side.answer.timeline.tracks[side.answer.leading];
    const segment = track.find((one) => one.start_s <= time && time < one.stop_s);
    const half = side.answer.timeline.window_s / 2;
    const [start, stop] = segment ? [segment.start_s, segment.stop_s] : [time - half, time + half];
    const path = `/api/runs/${side.run}/crops?start=${start.toFixed(2)}&stop=${stop.toFixed(2)}`;
    if (segment === side.segment && segment) return;
    side.segment = segment;
    clearTimeout(side.soon);
    // Not while the playhead is being dragged over many segments.
    side.soon = setTimeout(() => {
      side.crops.src = path;
      side.crops.alt = `Hand crops from ${clock(start)} to ${clock(stop)}`;
      side.crops.hidden = side.seen.hidden = false;
    }, 120);
  }

  #outline(hands, time) {
    const place = nearest(hands.times_s, time);
    this.#hand.hidden = place < 0 || hands.origins[place] === 0 || Math.abs(hands.times_s[place] - time) > 0.3;
    if (this.#hand.hidden) return;
    const [left, top, right, bottom] = hands.boxes[place].map((edge) => 100 * edge);
    Object.assign(this.#hand.style, { left: `${left}%`, top: `${top}%`, width: `${right - left}%`, height: `${bottom - top}%` });
  }
}
