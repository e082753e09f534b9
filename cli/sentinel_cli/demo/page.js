"use strict";
const find = (id) => document.getElementById(id);

// A fragment is drawn anew as a whole: what was open stays open, and what had the focus keeps it.
function draw(id, html) {
  const place = find(id);
  const open = new Map([...place.querySelectorAll("details[data-key]")].map((d) => [d.dataset.key, d.open]));
  const focused = place.contains(document.activeElement) ? keyOf(document.activeElement) : null;
  const positions = new Map([...place.querySelectorAll("pre")].map((p) => [keyOf(p), p.scrollTop]));
  place.innerHTML = html;
  for (const details of place.querySelectorAll("details[data-key]")) {
    if (open.has(details.dataset.key)) details.open = open.get(details.dataset.key);
  }
  for (const pre of place.querySelectorAll("pre")) pre.scrollTop = positions.get(keyOf(pre)) || 0;
  if (focused) [...place.querySelectorAll("button, summary, pre, a")].find((e) => keyOf(e) === focused)?.focus();
}

function keyOf(element) {
  return element.dataset.key || `${element.tagName} ${element.closest("[data-key]")?.dataset.key || element.id}`;
}

const events = new EventSource("/events");
events.addEventListener("fragment", (event) => {
  const { id, html } = JSON.parse(event.data);
  draw(id, html);
});
events.addEventListener("say", (event) => {
  const line = document.createElement("p");
  line.textContent = JSON.parse(event.data);
  find("log").append(line);
});
events.addEventListener("error", () => { find("link").hidden = false; });
events.addEventListener("open", () => { find("link").hidden = true; });

document.addEventListener("submit", async (event) => {
  const form = event.target;
  event.preventDefault();
  const body = new URLSearchParams(new FormData(form));
  find("problem").textContent = "";
  find("doing").textContent = `Under way: ${event.submitter.textContent}`;
  try {
    const answer = await fetch(form.action, { method: "POST", body, redirect: "manual" });
    const done = answer.ok || answer.type === "opaqueredirect";
    if (!done) find("problem").textContent = await answer.text();
    else if (form.id === "stop") end(await answer.text());
    else if (form.dataset.shows) show(find(form.dataset.shows));
  } catch {
    find("problem").textContent = "The demo does not answer. Start it again with make demo.";
  }
  find("doing").textContent = "";
});

function end(words) {
  events.close();
  find("link").textContent = words;
  find("link").hidden = false;
  for (const button of document.querySelectorAll("form button")) button.disabled = true;
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(find(button.dataset.copy).textContent);
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
});

const tabs = [...document.querySelectorAll("[role=tab]")];
function choose(tab) {
  for (const each of tabs) {
    const chosen = each === tab;
    each.setAttribute("aria-selected", chosen);
    each.tabIndex = chosen ? 0 : -1;
    find(each.getAttribute("aria-controls")).hidden = !chosen;
  }
}
function show(tab) {
  choose(tab);
  tab.scrollIntoView({ block: "center" });
}
for (const tab of tabs) {
  tab.addEventListener("click", () => choose(tab));
  tab.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length];
    choose(next);
    next.focus();
  });
}
document.querySelector("[role=tablist]").hidden = false;
choose(tabs[0]);

setInterval(() => {
  const now = new Date();
  find("clock").dateTime = now.toISOString();
  find("clock").textContent = `${now.toISOString().slice(11, 19)} UTC`;
}, 1000);
