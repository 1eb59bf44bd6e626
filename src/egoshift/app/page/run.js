// A run on the server: asked for, watched until it ends, cancelled.

const POLL_MS = 250;

class Watch {
  #root = find("#progress");
  #current = null;
  #isCancelled = false;

  constructor() {
    find("#cancel").addEventListener("click", () => this.cancel());
  }

  get isBusy() {
    return !this.#root.hidden;
  }

  cancel() {
    this.#isCancelled = true;
    if (this.#current) ask(`/api/runs/${this.#current}`, { method: "DELETE" }).catch(() => {});
  }

  // The answers to some questions, one after the other; null for what was cancelled before it had any.
  async answers(questions) {
    this.#root.hidden = false;
    this.#isCancelled = false;
    this.#tell("Waiting", null);
    try {
      const answers = [];
      for (const question of questions) {
        answers.push(this.#isCancelled ? null : await this.#answer(question));
      }
      return answers;
    } finally {
      this.#current = null;
      this.#root.hidden = true;
    }
  }

  async #answer(question) {
    let run = await ask("/api/runs", { method: "POST", body: question });
    this.#current = run.id;
    while (!["done", "failed", "cancelled"].includes(run.state)) {
      this.#say(run);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      if (this.#isCancelled && run.state === "waiting") this.cancel();
      run = await ask(`/api/runs/${run.id}`);
    }
    if (run.state === "failed") throw new Error(run.error);
    return run.answered ? { run: run.id, answer: await ask(`/api/runs/${run.id}/answer`) } : null;
  }

  #say(run) {
    if (this.#isCancelled) return this.#tell("Stopping", null);
    if (run.state === "waiting") return this.#tell(run.ahead ? `${run.ahead} before you` : "Waiting", null);
    if (run.state === "loading" || !run.stage) return this.#tell("Loading the model", null);
    const parts = [run.stage[0].toUpperCase() + run.stage.slice(1)];
    if (run.frames_per_s) parts.push(`${Math.round(run.frames_per_s)} frames/s`);
    if (run.seconds_left != null) parts.push(`${wait(run.seconds_left)} left`);
    return this.#tell(parts.join(" · "), run.total ? run.done / run.total : null);
  }

  #tell(text, share) {
    this.#root.querySelector("span").textContent = text;
    const bar = this.#root.querySelector("progress");
    if (share == null) bar.removeAttribute("value");
    else bar.value = share;
  }
}
