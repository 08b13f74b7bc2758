// Says that a storyline has news, and when a change that was asked for has been made. Without this script the page is
// the same, as of the time at its foot.
"use strict";

(() => {
  const bar = document.querySelector(".news button");
  const waiting = document.querySelector("[data-command]");
  const LOOK = 1000; // ms between looks at a command
  const MOST = 120; // looks, then the page stays as it is

  const look = async (left) => {
    try {
      const answer = await fetch(waiting.dataset.command, { cache: "no-store" });
      if (answer.ok && (await answer.json()).state !== "pending") {
        location.reload();
        return;
      }
    } catch {
      // The service is away for a moment.
    }
    if (left > 0) setTimeout(look, LOOK, left - 1);
  };
  if (waiting) setTimeout(look, LOOK, MOST);

  if (!bar || !bar.dataset.live || !("EventSource" in window)) return;
  const seen = new Set();
  const stream = new EventSource(bar.dataset.live);
  stream.onmessage = (said) => {
    if (!said.data || waiting) return;
    seen.add(JSON.parse(said.data).id);
    bar.hidden = false;
    bar.textContent = "There is news of this storyline · show";
  };
  bar.addEventListener("click", () => location.reload());
})();
