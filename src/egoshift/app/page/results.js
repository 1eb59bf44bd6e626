// The two tabs: the video, and the results, which are fetched when they are first looked at.

// onVideo() when the video is looked at again.
function tabs(onVideo) {
  if (!START.results) return;
  const all = [["#tab-video", "#main"], ["#tab-results", "#results"]].map(([tab, panel]) => [find(tab), find(panel)]);
  find(".tabs").hidden = false;
  const choose = (chosen) => {
    for (const [tab, panel] of all) {
      tab.setAttribute("aria-selected", String(tab === chosen));
      tab.tabIndex = tab === chosen ? 0 : -1;
      panel.hidden = tab !== chosen;
    }
    if (chosen.id === "tab-results" && !find("#results iframe")) {
      const waiting = make("p", { role: "status", class: "soft" }, "Drawing tables and plots …");
      const frame = make("iframe", { src: "/results", title: "Results", sandbox: "", onload: () => waiting.remove() });
      find("#results").append(waiting, frame);
    }
    if (chosen.id === "tab-video") onVideo();
  };
  all.forEach(([tab], place) => {
    tab.addEventListener("click", () => choose(tab));
    tab.addEventListener("keydown", (event) => {
      if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
      const [next] = all[1 - place];
      choose(next);
      next.focus();
    });
  });
  if (!START.models.length && !START.samples.length) choose(all[1][0]);
}
