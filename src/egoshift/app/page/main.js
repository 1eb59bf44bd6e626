// The page: a video is opened, asked about, looked at, closed.

const video = find("#video");
const still = find("#still");
const watch = new Watch();
const moment = new Moment();
const timeline = new TimelineView({ onSeek: seek, onToggle: () => (video.paused ? video.play() : video.pause()) });
const table = new SegmentTable(seek);
const setup = new Setup({ onAsk: recognise, onSwitch: () => (page.sides.length ? recognise() : undefined) });

const page = { recording: null, sides: [], traces: null, colours: null, full: new Map(), time: 0, asked: 0 };

const attempt = async (work) => {
  sayError("");
  try {
    return await work();
  } catch (error) {
    return sayError(error.message);
  }
};

// Opening and closing

const openFile = (file) => attempt(async () => {
  if (file.size > START.max_mb * 1e6) throw new Error(`${file.name}: is ${Math.round(file.size / 1e6)} MB, and this page takes ${START.max_mb} MB.`);
  if (page.recording) close();
  await opening(file.name, () => send("/api/videos", file, (share) =>
    sending(share < 1 ? `Sending ${file.name}` : `Looking at ${file.name}`, share < 1 ? share : null)));
});

const openSample = (number, name) => attempt(() =>
  opening(name, () => ask(`/api/samples/${number}`, { method: "POST" })));

async function opening(name, get) {
  sending(`Opening ${name}`, null);
  try {
    const recording = await get();
    if (page.recording) close(); // of two that were dropped, the one that came first
    begin(recording);
  } finally {
    sending(null);
    find("#file").value = "";
  }
}

function begin(recording) {
  Object.assign(page, { recording, sides: [], traces: null, colours: new Colours(), full: new Map(), time: 0 });
  for (const [label, segments] of Object.entries(recording.truth)) page.colours.learn(label, segments);
  find("#welcome").hidden = true;
  find("#workspace").hidden = false;
  find("#name").textContent = recording.name;
  const picture = find("#picture");
  picture.style.aspectRatio = `${recording.width} / ${recording.height}`;
  find("#workspace").style.setProperty("--wide", `calc(min(48vh, 30rem) * ${recording.width / recording.height})`);
  find("#unplayable").hidden = still.hidden = true;
  video.hidden = false;
  video.src = `/api/videos/${recording.id}/file`;
  timeline.begin(recording.duration_s, page.colours);
  show();
  attempt(() => setup.begin(recording));
  trace();
  find("#main").focus({ preventScroll: true });
}

async function trace() {
  const { recording } = page;
  const traces = await attempt(() => ask(`/api/videos/${recording.id}/traces`));
  if (page.recording !== recording || !traces) return;
  page.traces = traces;
  show();
}

function close() {
  watch.cancel();
  const { id } = page.recording;
  Object.assign(page, { recording: null, sides: [], traces: null, asked: page.asked + 1 });
  video.removeAttribute("src");
  video.load();
  find("#workspace").hidden = true;
  find("#welcome").hidden = false;
  ask(`/api/videos/${id}`, { method: "DELETE" }).catch(() => {});
  find("#choose").focus();
}

// Asking

async function recognise() {
  if (!page.recording || !START.models.length) return;
  page.asked += 1;
  const { asked, recording } = page;
  if (watch.isBusy) {
    watch.cancel();
    while (watch.isBusy) await new Promise((resolve) => setTimeout(resolve, 50));
    if (page.asked !== asked) return;
  }
  await attempt(async () => {
    await setup.load();
    const questions = setup.models.map((number) => setup.ask(number));
    const answers = await watch.answers(questions);
    if (page.recording !== recording || page.asked !== asked) return;
    take(questions, answers);
  });
}

function take(questions, answers) {
  const before = page.sides;
  const sides = questions.map((question, place) => answers[place] && side(question, answers[place], before)).filter(Boolean);
  if (!sides.length) return;
  if (sides.length === 2) sides[1].changes = allDifferences(sides[1].answer, sides[0].answer);
  for (const { answer } of sides) {
    for (const [label, segments] of Object.entries(answer.timeline.tracks)) page.colours.learn(label, segments);
  }
  page.sides = sides;
  setup.fold(false);
  show();
}

// One model's answer; where a sensor is off, beside it what the model said with all of them.
function side(question, { run, answer }, before) {
  const key = JSON.stringify([question.model, question.verbs, question.nouns, question.threshold]);
  const ghost = question.without.length ? page.full.get(key) ?? before.find((one) => one.key === key)?.answer : null;
  if (!question.without.length) page.full.set(key, answer);
  const changes = ghost ? allDifferences(answer, ghost) : {};
  return { run, answer, key, ghost, changes, name: START.models[question.model], without: question.without };
}

// Showing

function show() {
  const { sides, recording, traces } = page;
  find("#workspace").classList.toggle("answered", sides.length > 0);
  timeline.show({ sides, truth: recording.truth, traces });
  moment.show(sides, page.colours);
  table.show(sides);
  find("#said").textContent = saidOf(sides, recording.duration_s);
  const notices = new Set([...sides.flatMap(({ answer }) => noticesOf(answer)), ...(traces?.notices ?? [])]);
  find("#notices").replaceChildren(...[...notices].map((text) => make("li", { dir: "auto" }, text)));
  find("#downloads").hidden = !sides.length;
  find("#downloads").replaceChildren(...sides.flatMap((one) => downloadsOf(one, sides.length > 1)));
  seen(page.time);
}

function noticesOf({ timeline: { partial, covered_s, duration_s, notices } }) {
  return partial && covered_s < duration_s - 0.1 ? [`Partial: up to ${clock(covered_s)} of ${clock(duration_s)}.`, ...notices] : notices;
}

function downloadsOf(one, isNamed) {
  const links = START.formats.map((format) =>
    make("a", { class: "quiet", href: `/api/runs/${one.run}/timeline.${format}`, download: true, "aria-label": `Download ${format.toUpperCase()}` }, format.toUpperCase()));
  return isNamed ? [make("span", { class: "soft", dir: "auto" }, one.name), ...links] : links;
}

// Playing

function seek(time) {
  page.time = time;
  if (video.hidden) stillAt(time);
  else video.currentTime = Math.min(time, (video.duration || Infinity) - 0.01);
  seen(time);
}

function seen(time) {
  timeline.time = time;
  moment.at(time);
}

function follow() {
  if (!video.hidden && !video.seeking && video.readyState > 0 && Math.abs(video.currentTime - page.time) > 0.015) {
    page.time = video.currentTime;
    seen(page.time);
  }
  if (!video.paused && !video.ended) requestAnimationFrame(follow);
}

let stillSoon = 0;

function stillAt(time) {
  clearTimeout(stillSoon);
  stillSoon = setTimeout(() => {
    if (!page.recording) return;
    still.src = `/api/videos/${page.recording.id}/frame?t=${time.toFixed(2)}`;
    still.alt = `Frame at ${clock(time)}`;
  }, 80);
}

for (const kind of ["play", "seeked", "pause"]) video.addEventListener(kind, follow);
video.addEventListener("error", () => {
  if (!page.recording || !video.getAttribute("src")) return;
  video.hidden = true;
  still.hidden = find("#unplayable").hidden = false;
  stillAt(page.time);
});

find("#close").addEventListener("click", close);
find("#add-imu").addEventListener("click", () => find("#imu-file").click());
find("#imu-file").addEventListener("change", (event) => attempt(async () => {
  const [file] = event.target.files;
  if (!file) return;
  event.target.value = "";
  const { id } = page.recording;
  const recording = await send(`/api/videos/${id}/imu`, file, () => {});
  if (page.recording?.id !== id) return; // another was opened meanwhile
  page.recording = recording;
  await setup.refresh(recording);
  await trace();
}));
window.addEventListener("pagehide", (event) => {
  if (page.recording && !event.persisted) navigator.sendBeacon(`/api/videos/${page.recording.id}/leave`);
});

greet();
tabs(() => page.recording && timeline.draw());
