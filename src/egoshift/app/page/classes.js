// Class names as people type or paste them: one a line, or with commas between.

function namesIn(text) {
  const names = text.split(/[\n,;]+/).map((name) => name.trim()).filter(Boolean);
  return [...new Set(names)];
}

class ClassFields {
  #root = find("#words");
  #fields = new Map();

  // models: what the server told of the chosen ones. What was typed stays.
  show(models) {
    const labels = ["verb", "noun"].filter((label) => models.some((model) => asksFor(model, label)));
    const open = models.some((model) => model.open);
    for (const label of labels) if (!this.#fields.has(label)) this.#fields.set(label, this.#build(label));
    for (const [label, { area, element }] of this.#fields) {
      element.hidden = !labels.includes(label) || !open;
      const own = models.find((model) => asksFor(model, label))?.classes[label] ?? [];
      const few = own.slice(0, 6).join(", ");
      area.placeholder = own.length ? `The model's ${own.length}: ${few}${own.length > 6 ? " …" : ""}` : "The model's own";
    }
    this.#root.replaceChildren(...[...this.#fields.values()].map(({ element }) => element));
    if (!open && models.length) this.#root.append(make("p", { class: "soft" }, "This model knows its own classes only."));
  }

  // The names for a model, null for its own.
  of(label, model) {
    const field = this.#fields.get(label);
    if (!field || field.element.hidden || !model.open || !asksFor(model, label)) return null;
    const names = namesIn(field.area.value);
    return names.length ? names : null;
  }

  #build(label) {
    const count = make("output");
    const area = make("textarea", { id: `${label}s`, dir: "auto", spellcheck: "false", rows: "3" });
    area.addEventListener("input", () => {
      const names = namesIn(area.value);
      count.textContent = names.length ? ` ${names.length}` : "";
    });
    const title = `${label[0].toUpperCase()}${label.slice(1)}s, one a line`;
    return { area, element: make("label", {}, title, count, area) };
  }
}

const asksFor = (model, label) => model.labels.includes(label);
