// The memory as it was after any journal entry.

import { ask } from "./api.js";
import { count, h, later, said, shorten, show, when } from "./dom.js";
import { who } from "./ranking.js";

const PAGE = 60;

export function past(turn, open) {
  const list = h("ol", { className: "past" });
  const told = h("p", { className: "quiet told", role: "status" });
  const entry = h("output", {}, String(turn.recall.seq));
  const slide = h("input", {
    type: "range", min: 0, max: Math.max(1, turn.recall.seq), step: 1, value: String(turn.recall.seq),
    on: { input: () => { entry.textContent = slide.value; soon(); } },
  });
  const look = async () => {
    const seq = Number(slide.value);
    try {
      const [found, entries] = await Promise.all([
        ask("past", { seq, limit: PAGE }),
        seq > 0 ? ask("entries", { after: seq - 1, limit: 1 }) : { entries: [] },
      ]);
      if (Number(slide.value) !== seq) return;
      const last = entries.entries[0];
      show(told, document.createTextNode(
        `${count(found.total, "live memory", "live memories")} after entry ${seq}`
        + (last ? `, which ${last.event} one on ${when(last.at)}` : "")
        + (found.total > PAGE ? `; the newest ${PAGE} are shown` : "")));
      show(list, found.memories.map((memory) => h("li", { data: { fresh: memory.version === seq ? "yes" : "no" } },
        h("button", { type: "button", className: "hit", on: { click: () => open(memory.id) } },
          h("span", { className: "rank quiet" }, String(memory.version)),
          h("span", { className: "body" }, said(shorten(memory.text, 200)),
            h("span", { className: "quiet meta" }, who(memory)))))));
    } catch (error) {
      show(told, document.createTextNode(error.message));
    }
  };
  const soon = later(look, 60);
  ask("stats").then((stats) => { slide.max = String(Math.max(1, stats.entries)); }).catch(() => {});
  look();
  return h("section", { "aria-label": "Memory then" },
    h("label", { className: "slider wide" }, h("span", {}, "journal entry"), entry, slide), told, list);
}
