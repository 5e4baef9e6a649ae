// The page: choose a namespace, pick a turn, look at it from every side. Nothing here writes.

import { ask, listen, namespaces, Refused, takeKey, useKey, useNamespace } from "./api.js";
import { calm, h, later, show } from "./dom.js";
import { memoryPanel } from "./memory.js";
import { Timeline } from "./timeline.js";
import { prepared, TurnView, VIEWS } from "./turn.js";

const place = (id) => document.getElementById(id);
const MOST = 500;
const PACE = 2600;
const LOOK = 3000; // a recall writes no journal entry, so turns are looked for

const timeline = new Timeline(place("timeline"), (id, focus) => choose(id, focus));
const view = new TurnView(place("turn"), {
  open: (id, row) => open(id, row),
  others: () => timeline.order.toReversed(),
  play: () => play(),
});
let recalls = new Map();
let listening = null;
let playing = 0;

async function choose(id, focus = false) {
  timeline.mark(id);
  if (focus) timeline.focus();
  history.replaceState(null, "", `#turn=${encodeURIComponent(id)}`);
  try {
    const played = prepared(await ask("playback", { recall_id: id }));
    if (timeline.chosen !== id) return;
    view.set(played);
    label();
    if (!place("memory").hidden) close();
    if (innerWidth < 960) place("timeline").querySelector("details")?.removeAttribute("open");
  } catch (error) {
    failed(error, place("turn"));
  }
}

function open(id, row = null) {
  memoryPanel(place("memory"), view.turn, id, row, {
    open: (other) => open(other),
    close,
    drop: (gone) => view.drop(gone),
  });
  document.body.classList.add("with-memory");
}

function close() {
  place("memory").hidden = true;
  document.body.classList.remove("with-memory");
}

function play() {
  if (playing) return stop();
  const session = timeline.sessionOf(timeline.chosen);
  if (!session) return undefined;
  const turns = session.turns;
  if (turns.at(-1).id === timeline.chosen) choose(turns[0].id);
  view.view = "context";
  view.look("context");
  playing = setInterval(() => {
    const here = turns.findIndex((turn) => turn.id === timeline.chosen);
    if (here < 0 || here === turns.length - 1) stop();
    else choose(turns[here + 1].id);
  }, PACE);
  return label();
}

function stop() {
  clearInterval(playing);
  playing = 0;
  label();
}

function label() {
  const button = place("play");
  if (button) button.textContent = playing ? "■ stop" : "▶ play the session";
}

function welcome(stats) {
  show(place("turn"), h("div", { className: "welcome" },
    h("h2", { className: "question" }, "No turn yet"),
    h("p", {}, `There are ${stats.live} live memories and no recorded recall. Once an agent recalls,`
      + " its turn stands on the left, and can be played back, taken apart and changed.")));
}

async function load({ keep = false } = {}) {
  const [{ recalls: found }, stats] = await Promise.all([ask("recalls", { limit: MOST }), ask("stats")]);
  recalls = new Map(found.map((recall) => [recall.id, recall]));
  timeline.set(found);
  pulse(stats);
  if (keep && timeline.chosen) return;
  const wanted = new URLSearchParams(location.hash.slice(1)).get("turn");
  const first = recalls.get(wanted) ?? found[0];
  if (first) await choose(first.id);
  else welcome(stats);
}

function pulse(stats) {
  place("pulse").textContent =
    `${stats.live.toLocaleString()} memories, ${stats.entries.toLocaleString()} entries`;
}

async function enter(name) {
  listening?.abort();
  listening = new AbortController();
  useNamespace(name);
  close();
  timeline.chosen = null;
  await load();
  const again = later(() => load({ keep: true }).catch(() => {}), 900);
  listen(again, listening.signal);
}

function failed(error, where) {
  if (error instanceof Refused && error.status === 401) return keyForm();
  return show(where, h("p", { className: "fault" }, error.message));
}

function keyForm() {
  const field = h("input", { type: "password", "aria-label": "Key", autocomplete: "off", placeholder: "mk_…" });
  show(place("turn"), h("div", { className: "welcome" },
    h("h2", { className: "question" }, "This memory asks for a key"),
    h("p", {}, "It stands at the end of the address that the server printed, or comes from ",
      h("code", {}, "memory serve keys add"), "."),
    h("form", { className: "whynot", on: { submit: (event) => {
      event.preventDefault();
      useKey(field.value.trim());
      start();
    } } }, field, h("button", { type: "submit" }, "Open"))));
  field.focus();
}

function keyed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = event.target.matches("input:not([type=range]), textarea, select");
  if (event.key === "Escape") {
    if (!place("memory").hidden) close();
    else if (typing) event.target.blur();
    return;
  }
  if (typing || place("help").open) return;
  const step = { j: 1, k: -1 }[event.key];
  if (step) {
    const turn = timeline.next(step);
    if (turn && turn.id !== timeline.chosen) choose(turn.id);
  } else if (/^[1-5]$/.test(event.key) && view.turn) view.look(VIEWS[Number(event.key) - 1]);
  else if (event.key === "/") { event.preventDefault(); place("why-not")?.focus(); }
  else if (event.key === "p") play();
  else if (event.key === "r") view.ranking?.reset();
  else if (event.key === "?") place("help").showModal();
}

async function start() {
  try {
    const { default: usual, namespaces: found } = await namespaces();
    const chosen = found.includes(usual) || !found.length ? usual : found[0];
    const choice = place("namespace");
    const names = found.includes(chosen) ? found : [chosen, ...found];
    show(choice, names.map((name) => h("option", { value: name }, name)));
    choice.value = chosen;
    choice.onchange = () => enter(choice.value).catch((error) => failed(error, place("turn")));
    await enter(chosen);
  } catch (error) {
    failed(error, place("turn"));
  }
}

async function look() {
  if (document.hidden || !listening) return;
  const { recalls: [newest] } = await ask("recalls", { limit: 1 });
  if (newest && !recalls.has(newest.id)) await load({ keep: true });
}

document.addEventListener("keydown", keyed);
setInterval(() => look().catch(() => {}), LOOK);
place("help-open").addEventListener("click", () => place("help").showModal());
document.documentElement.classList.toggle("calm", calm());
takeKey();
start();
