// What was recalled, best first, and what other weights would have recalled: moved as you move them.

import { ask } from "./api.js";
import { bar, legend, scaleOf } from "./bars.js";
import { calm, day, h, later, number, said, shorten, show } from "./dom.js";

const WEIGHTS = [
  ["dense_weight", "meaning", 0, 3, 0.05],
  ["lexical_weight", "words", 0, 3, 0.05],
  ["recency_weight", "recency", 0, 1, 0.01],
  ["importance_weight", "importance", 0, 1, 0.01],
  ["diversity", "order by score alone", 0, 1, 0.05],
  ["min_relevance", "least relevance", 0, 1, 0.01],
];

export class Ranking {
  constructor(turn, open) {
    this.turn = turn;
    this.open = open;
    this.changed = {};
    this.without = [];
    this.k = turn.query.k;
    this.list = h("ol", { className: "ranking" });
    this.legend = h("div");
    this.told = h("p", { className: "quiet told", role: "status" });
    this.ask = later(() => this.request(), 60);
    this.asked = null;
  }

  draw() {
    this.rows(this.recorded(), null);
    this.say();
    return h("div", { className: "columns" },
      h("section", { "aria-label": "Ranking" }, this.legend, this.list, this.told),
      this.panel());
  }

  recorded() {
    const { byVersion } = this.turn;
    return this.turn.ranked.map((hit, place) => {
      const memory = byVersion.get(hit.version);
      return { ...hit, key: hit.version, id: memory.id, memory, rank: place + 1, before: place + 1 };
    });
  }

  imagined(answer) {
    const moves = new Map(answer.moves.map((move) => [move.version, move]));
    const rows = answer.result.hits.map((hit, place) => ({
      ...hit, key: hit.memory.version, id: hit.memory.id, rank: place + 1,
      before: moves.get(hit.memory.version)?.before?.[0] ?? null,
    }));
    const kept = new Set(rows.map((row) => row.key));
    const lost = this.recorded().filter((row) => !kept.has(row.key))
      .map((row) => ({ ...row, rank: null }));
    return [...rows, ...lost];
  }

  rows(rows, answer) {
    const terms = rows.map((row) => row.terms);
    const scale = scaleOf(terms);
    const places = new Map([...this.list.children].map((row) => [row.dataset.key, row.offsetTop]));
    show(this.legend, legend(terms));
    show(this.list, rows.map((row) => this.row(row, scale, answer !== null)),
      rows.length === 0 && h("li", { className: "quiet" }, "Nothing was recalled."));
    if (calm()) return;
    for (const row of this.list.children) {
      const was = places.get(row.dataset.key);
      if (was !== undefined && was !== row.offsetTop) {
        row.animate(
          [{ transform: `translateY(${was - row.offsetTop}px)` }, { transform: "none" }],
          { duration: 220, easing: "cubic-bezier(.2,.7,.3,1)" });
      }
    }
  }

  row(row, scale, imagined) {
    const memory = row.memory;
    const gone = row.rank === null;
    return h("li", { data: { key: String(row.key), gone: gone ? "yes" : "no" } },
      h("button", {
        type: "button", className: "hit", disabled: !row.id,
        on: { click: () => this.open(row.id, row) },
      },
      h("span", { className: "rank" }, gone ? "–" : String(row.rank),
        imagined && h("small", { className: "move", data: { way: way(row) } }, moved(row))),
      h("span", { className: "body" },
        h("span", { className: "line" }, bar(row.terms, scale),
          h("span", { className: "score" }, number(row.score))),
        memory.erased ? h("em", { className: "quiet" }, "erased since") : said(shorten(memory.text, 260)),
        h("span", { className: "quiet meta" }, who(memory)))));
  }

  panel() {
    const slider = ([name, label, min, max, step]) => {
      const usual = this.turn.settings[name] ?? 0;
      const output = h("output", {}, number(usual));
      const input = h("input", {
        type: "range", min, max, step, value: String(usual), data: { usual: String(usual), name },
        on: {
          input: () => {
            output.textContent = number(Number(input.value));
            if (Number(input.value) === usual) delete this.changed[name];
            else this.changed[name] = Number(input.value);
            this.ask();
          },
        },
      });
      return h("label", { className: "slider" }, h("span", {}, label), output, input);
    };
    const usual = this.turn.query.k;
    const shown = h("output", {}, String(usual));
    const k = h("input", {
      type: "range", min: 1, max: Math.max(20, usual), step: 1, value: String(usual),
      data: { usual: String(usual), name: "k" },
      on: { input: () => { this.k = Number(k.value); shown.textContent = k.value; this.ask(); } },
    });
    this.box = h("form", { className: "panel", on: { submit: (event) => event.preventDefault() } },
      h("h3", {}, "What if"),
      h("label", { className: "slider" }, h("span", {}, "how many"), shown, k),
      WEIGHTS.map(slider),
      h("button", { type: "button", className: "ghost", on: { click: () => this.reset() } },
        "As recorded ", h("kbd", {}, "r")));
    return this.box;
  }

  reset() {
    for (const input of this.box.querySelectorAll("input")) {
      input.value = input.dataset.usual;
      input.parentElement.querySelector("output").textContent =
        input.dataset.name === "k" ? input.value : number(Number(input.value));
    }
    this.changed = {};
    this.without = [];
    this.k = this.turn.query.k;
    this.request();
  }

  drop(id) {
    this.without = [...this.without, id];
    this.request();
  }

  get recordedWay() {
    return !Object.keys(this.changed).length && !this.without.length && this.k === this.turn.query.k;
  }

  async request() {
    this.asked?.abort();
    if (this.recordedWay) {
      this.rows(this.recorded(), null);
      this.say();
      return;
    }
    this.asked = new AbortController();
    const { signal } = this.asked;
    try {
      const answer = await ask("what_if", {
        recall_id: this.turn.recall.id, settings: this.changed, k: this.k, without: this.without,
      }, signal);
      if (signal.aborted) return;
      this.rows(this.imagined(answer), answer);
      const status = answer.result.status;
      this.say(`${answer.recorded_status} → ${status}: `
        + (status === "empty" ? "nothing is relevant enough, the prompt gets nothing"
          : `${answer.result.tokens} tokens instead of ${this.turn.recall.tokens ?? "no budget"}`));
    } catch (error) {
      if (!signal.aborted) this.say(error.message);
    }
  }

  say(text = "As recorded. Move a weight and the ranks move.") {
    show(this.told, document.createTextNode(text));
    this.told.toggleAttribute("data-live", !this.recordedWay);
  }
}

export const who = (memory) =>
  [memory.speaker ?? memory.role, day(memory.occurred_at), memory.session].filter(Boolean).join(" · ");

const way = (row) =>
  row.rank === null ? "lost" : row.before === null ? "new"
    : row.rank < row.before ? "up" : row.rank > row.before ? "down" : "same";

const moved = (row) => {
  const steps = Math.abs((row.rank ?? 0) - (row.before ?? 0));
  return { lost: `was ${row.before}`, new: "new", up: `▲${steps}`, down: `▼${steps}`, same: "" }[way(row)];
};
