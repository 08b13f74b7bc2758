// Renews the sections of the ops page in place. A section stays as it is while somebody is in it: where the focus is,
// or where text is being selected. Without this script the page loads itself again.
"use strict";

const held = document.getElementById("ops");
const freshness = document.getElementById("freshness");
const every = Number(held.dataset.every) * 1000;
let renewed = Date.now();
let failing = false;

function busy(section) {
  const chosen = document.getSelection();
  const selecting = chosen && !chosen.isCollapsed && section.contains(chosen.anchorNode);
  return selecting || section.contains(document.activeElement);
}

function renew(text) {
  const fresh = new DOMParser().parseFromString(text, "text/html");
  const wanted = fresh.querySelectorAll("section[id]");
  if (fresh.getElementById("verdict") === null) throw new Error("no ops page");
  const missing = [...wanted].some((section) => document.getElementById(section.id) === null);
  const gone = [...held.querySelectorAll("section[id]")].some((section) => fresh.getElementById(section.id) === null);
  if ((missing || gone) && !busy(held)) {
    held.replaceChildren(...document.adoptNode(fresh.body).childNodes);
    return;
  }
  for (const section of wanted) {
    const shown = document.getElementById(section.id);
    if (shown && !busy(shown) && shown.outerHTML !== section.outerHTML) shown.replaceWith(document.adoptNode(section));
  }
}

function tell() {
  const seconds = Math.round((Date.now() - renewed) / 1000);
  freshness.textContent = failing ? `This page is ${seconds} s old: the web service does not answer.` : "";
  held.classList.toggle("is-old", failing);
}

async function look() {
  if (!document.hidden) {
    try {
      const answer = await fetch(held.dataset.from, { headers: { accept: "text/html" }, signal: AbortSignal.timeout(every) });
      if (answer.status === 401) { location.reload(); return; }
      if (!answer.ok) throw new Error(String(answer.status));
      renew(await answer.text());
      renewed = Date.now();
      failing = false;
    } catch {
      failing = true;
    }
    tell();
  }
  setTimeout(look, every);
}

setTimeout(look, every);
document.addEventListener("visibilitychange", () => { if (!document.hidden && Date.now() - renewed > every) location.reload(); });
