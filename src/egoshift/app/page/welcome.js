// Before a video is open: what can be chosen or dropped, and how far it has come.

function greet() {
  const kinds = START.suffixes.slice(0, 5).map((suffix) => suffix.slice(1)).join(", ");
  find("#takes").textContent = `${kinds} … up to ${START.max_mb} MB and ${START.max_minutes} minutes, removed when you close the page`;
  find("#samples").append(...sampleChoice());
  const drop = find("#drop");
  const file = find("#file");
  find("#choose").addEventListener("click", () => file.click());
  file.addEventListener("change", () => file.files.length && openFile(file.files[0]));
  for (const kind of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", kind === "dragover");
      if (kind === "drop" && event.dataTransfer.files.length) openFile(event.dataTransfer.files[0]);
    });
  }
}

const FEW = 3;

function sampleChoice() {
  const { samples } = START;
  if (samples.length <= FEW) {
    return samples.map((name, number) => make("button", { type: "button", onclick: () => openSample(number, name) }, name));
  }
  const options = samples.map((name, number) => make("option", { value: String(number) }, name));
  const choice = make("select", { "aria-label": "Samples" }, make("option", { value: "" }, "Samples"), ...options);
  choice.addEventListener("change", () => {
    const number = Number(choice.value);
    if (choice.value !== "") openSample(number, samples[number]);
    choice.value = "";
  });
  return [choice];
}

function sending(text, share) {
  find("#drop").hidden = text != null;
  find("#sending").hidden = text == null;
  const [line, bar] = find("#sending").children;
  line.textContent = text ?? "";
  if (share == null) bar.removeAttribute("value");
  else bar.value = share;
}
