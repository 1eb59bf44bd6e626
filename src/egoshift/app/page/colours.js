// A colour for every class, the same in every track and run of a recording. Eight tones that people with any colour
// vision tell apart and that dark text can be read on (after Paul Tol's "light" scheme); from the ninth class on they
// come again paler. The name always stands beside the colour.

const TONES = ["#77aadd", "#ee8866", "#eedd88", "#44bb99", "#ffaabb", "#bbcc33", "#99ddff", "#ccbbdd"];
const PALE = ["#c3d8ef", "#f7cabd", "#f8f2ca", "#aee0cf", "#ffdce2", "#e0e8a6", "#d3efff", "#e8dff0"];
const TEXT_ON_TONE = "#14202b";
const FIRST_TONE = { action: 0, verb: 0, noun: 3 };

class Colours {
  #seen = { action: new Map(), verb: new Map(), noun: new Map() };

  // The classes that take most of the time come first, for they should differ most.
  learn(label, segments) {
    const lengths = new Map();
    for (const { name, start_s, stop_s } of segments) {
      if (name) lengths.set(name, (lengths.get(name) ?? 0) + stop_s - start_s);
    }
    for (const [name] of [...lengths].sort((one, other) => other[1] - one[1])) this.of(label, name);
  }

  of(label, name) {
    const seen = this.#seen[label];
    if (!seen.has(name)) seen.set(name, seen.size);
    const place = seen.get(name);
    const shift = (place + FIRST_TONE[label]) % TONES.length;
    return (Math.floor(place / TONES.length) % 2 ? PALE : TONES)[shift];
  }
}
