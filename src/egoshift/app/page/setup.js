// What is asked of whom: models, classes, sensors, and from which confidence on.

class Setup {
  #form = find("#setup");
  #sensors = find("#sensors");
  #fields = new ClassFields();
  #known = new Map();
  #off = new Set();
  #recording = null;

  // onAsk() when the person asks; onSwitch() when a sensor is switched.
  constructor({ onAsk, onSwitch }) {
    this.onSwitch = onSwitch;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      onAsk();
    });
    const slider = find("#threshold");
    slider.addEventListener("input", () => { find("#level").value = `${slider.value}%`; });
    this.#buildChoice();
  }

  async begin(recording) {
    this.#recording = recording;
    this.#off.clear();
    find("#recognise").disabled = !START.models.length;
    this.fold(true);
    await this.refresh(recording);
  }

  fold(open) {
    this.#form.querySelector("details").open = open;
  }

  // The numbers of the chosen models.
  get models() {
    return this.#selects.map((select) => select.value).filter((value) => value !== "").map(Number)
      .filter((value, place, all) => all.indexOf(value) === place);
  }

  get without() {
    return [...this.#off];
  }

  ask(number) {
    const model = this.#known.get(number);
    return {
      recording: this.#recording.id,
      model: number,
      verbs: this.#fields.of("verb", model),
      nouns: this.#fields.of("noun", model),
      without: this.without.filter((sensor) => model.sensors.includes(sensor)),
      threshold: Number(find("#threshold").value) / 100,
    };
  }

  // Loads what is not known yet of the chosen models, then shows what can be chosen.
  async refresh(recording = this.#recording) {
    this.#recording = recording;
    const models = await this.load();
    this.#fields.show(models);
    const sensors = [...new Set(models.flatMap((model) => model.sensors))];
    const present = sensors.filter((sensor) => recording.sensors.includes(sensor));
    for (const sensor of [...this.#off]) if (!present.includes(sensor)) this.#off.delete(sensor);
    this.#sensors.replaceChildren(...(sensors.length > 1 ? sensors.map((sensor) => this.#switch(sensor, present)) : []));
    find("#add-imu").hidden = !sensors.includes("imu") || recording.sensors.includes("imu");
  }

  async load() {
    for (const number of this.models) {
      if (!this.#known.has(number)) this.#known.set(number, await ask(`/api/models/${number}`));
    }
    return this.models.map((number) => this.#known.get(number));
  }

  #selects = [];

  #buildChoice() {
    const options = () => START.models.map((name, number) => make("option", { value: String(number) }, name));
    const refresh = () => this.refresh().catch((error) => sayError(error.message));
    if (!START.models.length) {
      find("#choice").append(make("p", { class: "soft" }, "Start with `egoshift app --model DIR` to recognise actions."));
      return;
    }
    this.#selects.push(make("select", { id: "model", onchange: refresh }, ...options()));
    find("#choice").append(make("label", {}, "Model", this.#selects[0]));
    if (START.models.length === 1) return;
    this.#selects.push(make("select", { id: "other", onchange: refresh }, make("option", { value: "" }, "nothing"), ...options()));
    find("#choice").append(make("label", {}, "Compare with", this.#selects[1]));
  }

  #switch(sensor, present) {
    const isThere = present.includes(sensor);
    const button = make("button", { type: "button", role: "switch", disabled: !isThere }, sensorName(sensor));
    if (!isThere) button.title = "This video has none";
    button.dataset.sensor = sensor;
    const show = () => button.setAttribute("aria-checked", String(isThere && !this.#off.has(sensor)));
    button.addEventListener("click", () => {
      if (this.#off.has(sensor)) this.#off.delete(sensor);
      else if (present.length - this.#off.size > 1) this.#off.add(sensor);
      else return sayError("One sensor must stay on.");
      show();
      this.onSwitch();
    });
    show();
    return button;
  }
}
