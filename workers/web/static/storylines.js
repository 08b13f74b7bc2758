// Keeps the list of storylines up to date while it is open, without moving what is being read. Without this script the
// page is the same, as of the time at its foot.
"use strict";

(() => {
  const list = document.querySelector(".stories[data-live]");
  const bar = document.querySelector(".news button");
  if (!list || !bar || !("EventSource" in window)) return;

  const PAUSE = 2000; // ms between two looks, however much happens
  const AGAIN = 10000; // ms until the stream is asked for again after a refusal
  const AWAY = 60000; // ms without a touch after which nobody is taken to read: a screen on the wall
  let touched = Date.now();
  let asked = 0; // a timer that is running, or 0
  let last = 0; // when the page was asked for last
  let news = null; // the list as it is now, while it is not shown
  let moving = false; // we scroll, not the reader

  const rows = (of) => new Map([...of.children].map((row) => [row.id, row]));
  const reading = (row) => row.matches(":hover") || row.contains(document.activeElement);
  const away = () => Date.now() - touched > AWAY && !list.contains(document.activeElement) && scrollY < innerHeight / 2;

  // Whatever changes above it, the first row in sight stays where it is.
  const steadily = (change) => {
    const anchor = [...list.children].find((row) => row.getBoundingClientRect().bottom > 0);
    const before = anchor && anchor.getBoundingClientRect().top;
    change();
    if (!anchor || !anchor.isConnected) return;
    const by = anchor.getBoundingClientRect().top - before;
    if (Math.abs(by) >= 1) {
      moving = true;
      scrollBy({ top: by, behavior: "instant" });
    }
  };

  const renew = (row, fresh) => {
    row.replaceChildren(...fresh.childNodes);
    row.dataset.mark = fresh.dataset.mark;
    row.classList.remove("is-fresh");
    void row.offsetWidth; // else the animation would not begin again
    row.classList.add("is-fresh");
  };

  const show = () => {
    if (!news) return;
    const known = rows(list);
    for (const row of news.children) {
      const old = known.get(row.id);
      if (!old || old.dataset.mark !== row.dataset.mark) row.classList.add("is-fresh");
    }
    list.replaceChildren(...news.children);
    news = null;
    bar.hidden = true;
  };

  const tell = (count) => {
    bar.hidden = count === 0;
    const label = `${count} ${count === 1 ? "storyline has" : "storylines have"} news · show`;
    if (bar.textContent !== label) bar.textContent = label;
  };

  const take = (page) => {
    const now = page.querySelector(".stories");
    if (!now) return;
    const known = rows(list);
    const fresh = rows(now);
    const order = [...fresh.keys()].join() !== [...known.keys()].join();
    for (const part of [".strip", ".colophon p", ".total"]) {
      const [mine, theirs] = [document.querySelector(part), page.querySelector(part)];
      if (mine && theirs) mine.replaceChildren(...theirs.childNodes);
    }
    if (away()) {
      news = now;
      show();
      return;
    }
    let held = 0;
    steadily(() => {
      for (const [id, row] of known) {
        const newer = fresh.get(id);
        if (!newer) continue;
        if (newer.dataset.mark === row.dataset.mark) {
          row.querySelector(".when").replaceChildren(...newer.cloneNode(true).querySelector(".when").childNodes);
        } else if (reading(row)) {
          held += 1;
        } else {
          renew(row, newer.cloneNode(true));
        }
      }
    });
    const added = [...fresh.keys()].filter((id) => !known.has(id)).length;
    news = order || held ? now : null;
    tell(added + held);
  };

  const look = async () => {
    asked = 0;
    last = Date.now();
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" }, cache: "no-store" });
      if (answer.ok) take(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch {
      // The service is away; its stream says when it is back.
    }
  };

  const soon = () => {
    if (!asked) asked = setTimeout(look, Math.max(200, last + PAUSE - Date.now()));
  };

  const listen = () => {
    const stream = new EventSource(list.dataset.live);
    let opened = false;
    stream.onopen = () => {
      if (opened) soon(); // something may have happened in between
      opened = true;
    };
    stream.onmessage = (said) => {
      if (!said.data) return;
      const { type } = JSON.parse(said.data);
      if (type.startsWith("storyline.") || type.startsWith("article.")) soon();
    };
    stream.onerror = () => {
      if (stream.readyState === EventSource.CLOSED) setTimeout(() => { listen(); soon(); }, AGAIN);
    };
  };

  bar.addEventListener("click", () => {
    show();
    const heading = document.getElementById("stories");
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    heading.focus({ preventScroll: true });
    heading.scrollIntoView({ behavior: calm ? "auto" : "smooth" });
  });

  for (const kind of ["pointermove", "pointerdown", "keydown", "wheel", "touchstart"]) {
    addEventListener(kind, () => { touched = Date.now(); }, { passive: true });
  }
  addEventListener("scroll", () => {
    if (!moving) touched = Date.now();
    moving = false;
  }, { passive: true });
  addEventListener("keydown", (pressed) => {
    if (!["j", "k"].includes(pressed.key) || pressed.ctrlKey || pressed.metaKey || pressed.altKey) return;
    if (pressed.target.closest("input, select, textarea")) return;
    const links = [...list.querySelectorAll("h2 a")];
    const at = links.indexOf(document.activeElement?.closest(".story")?.querySelector("h2 a"));
    const next = links[pressed.key === "j" ? at + 1 : Math.max(0, at - 1)];
    if (next) next.focus();
  });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) soon(); });
  listen();
})();
