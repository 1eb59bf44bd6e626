// What lies under each other in the timeline, and how high: tracks, what they were before, the truth, sound, motion.

const TITLE = 20;
const TRUTH = 8;
const TRACK = 34;
const GHOST = 9;
const TRACE = 38;
const GAP = 12;
const RULER = 26;

// The track that says most comes first.
const inOrder = (tracks) => ["action", "verb", "noun"].filter((label) => tracks[label]);

const SENSOR_NAMES = { video: "Video", audio: "Sound", imu: "IMU" };
const sensorName = (sensor) => SENSOR_NAMES[sensor] ?? sensor;

// One entry per thing to draw: { kind, y, height, ... }. Sides are models: one, or two to compare.
function lay({ sides, truth, traces }) {
  const lanes = [];
  let y = RULER;
  const put = (kind, height, more) => {
    lanes.push({ kind, y, height, ...more });
    y += height;
  };
  if (!sides.length && Object.keys(truth).length) putTruths(put, truth, () => { y += GAP; });
  for (const side of sides) {
    for (const label of inOrder(side.answer.timeline.tracks)) {
      const segments = side.answer.timeline.tracks[label];
      put("title", TITLE, { text: sides.length > 1 ? `${label} · ${side.name}` : label });
      if (truth[label]) put("truth", TRUTH, { label, segments: truth[label] });
      put("track", TRACK, { label, segments, side });
      const ghost = side.ghost?.timeline.tracks[label];
      if (ghost) put("ghost", GHOST, { label, segments: ghost });
      if (side.changes[label]) put("changes", 5, { stretches: side.changes[label] });
      y += GAP;
    }
  }
  const off = new Set(sides.flatMap((side) => side.without));
  if (traces?.audio) {
    put("title", TITLE, { text: `Sound${off.has("audio") ? " (off)" : ""}` });
    put("sound", TRACE, { values: traces.audio, faint: off.has("audio") });
    y += GAP;
  }
  for (const [name, trace] of Object.entries(traces?.imu ?? {})) {
    put("title", TITLE, { text: `${name}, ${trace.unit.replace("^2", "²")}${off.has("imu") ? " (off)" : ""}` });
    put("motion", TRACE, { values: trace.values, faint: off.has("imu") });
    y += GAP;
  }
  return { lanes, height: y };
}

function putTruths(put, truth, leave) {
  for (const label of inOrder(truth)) {
    put("title", TITLE, { text: `${label}, in truth` });
    put("truth", TRUTH, { label, segments: truth[label] });
    leave();
  }
}
