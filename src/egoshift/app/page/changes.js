// Where two timelines of one recording say different things.

// Stretches { start_s, stop_s } in which the two tracks name different classes.
function differences(one, other) {
  const edges = [...one, ...other].flatMap(({ start_s, stop_s }) => [start_s, stop_s]);
  const times = [...new Set(edges)].sort((first, second) => first - second);
  const found = [];
  let [here, there] = [0, 0];
  for (let place = 0; place + 1 < times.length; place += 1) {
    const [start_s, stop_s] = [times[place], times[place + 1]];
    const middle = (start_s + stop_s) / 2;
    while (here < one.length && one[here].stop_s <= middle) here += 1;
    while (there < other.length && other[there].stop_s <= middle) there += 1;
    const name = (track, at) => (track[at]?.start_s <= middle ? track[at].name : undefined);
    if (name(one, here) === name(other, there)) continue;
    if (found.length && found.at(-1).stop_s === start_s) found.at(-1).stop_s = stop_s;
    else found.push({ start_s, stop_s });
  }
  return found;
}

function allDifferences(answer, other) {
  const both = Object.keys(answer.timeline.tracks).filter((label) => other.timeline.tracks[label]);
  return Object.fromEntries(both.map((label) => [label, differences(answer.timeline.tracks[label], other.timeline.tracks[label])]));
}

const lengthOf = (stretches) => stretches.reduce((sum, { start_s, stop_s }) => sum + stop_s - start_s, 0);

// One sentence on how much differs, about the track that says most.
function saidOf(sides, duration) {
  const [first, second] = sides;
  if (!first) return "";
  const { leading } = first.answer;
  if (second) {
    const changed = second.changes[leading];
    return changed ? `Both name the same ${leading} in ${percent(1 - lengthOf(changed) / duration)} of the time.` : "";
  }
  if (!first.ghost || !first.changes[leading]) return "";
  const share = lengthOf(first.changes[leading]) / duration;
  const left = first.without.map((sensor) => sensorName(sensor)).join(" and ");
  const how = left ? `Without ${left}` : "Compared with before";
  return share < 0.005 ? `${how}, nothing changes.` : `${how}, ${percent(share)} of the time gets another ${leading}.`;
}
