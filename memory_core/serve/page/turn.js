// One turn: the question, what is known of it, and five ways to look at its answer.

import { ask } from "./api.js";
import { compare } from "./compare.js";
import { context } from "./context.js";
import { count, h, milliseconds, said, shorten, show, when } from "./dom.js";
import { flow } from "./flow.js";
import { fateOf } from "./memory.js";
import { past } from "./past.js";
import { Ranking } from "./ranking.js";

export const VIEWS = ["ranking", "stages", "context", "compare", "memory then"];

export function prepared(played) {
  const ranked = played.stages.filter((stage) => stage.name !== "pack").at(-1)?.hits ?? [];
  const byVersion = new Map(played.candidates.map((memory) => [memory.version, memory]));
  return { ...played, ranked, byVersion };
}

export class TurnView {
  constructor(place, { open, others, play }) {
    this.place = place;
    this.open = open;
    this.others = others;
    this.play = play;
    this.view = VIEWS[0];
    this.turn = null;
    this.ranking = null;
  }

  set(turn) {
    this.turn = turn;
    this.body = h("div", { id: "view", role: "tabpanel", tabindex: -1 });
    this.tabs = h("div", { className: "tabs", role: "tablist" }, VIEWS.map((name, n) =>
      h("button", {
        type: "button", role: "tab", "aria-controls": "view", "aria-keyshortcuts": String(n + 1),
        data: { view: name }, on: { click: () => this.look(name), keydown: (event) => this.keyed(event) },
      }, name)));
    show(this.place, this.head(), this.tabs, this.body);
    this.look(this.view);
  }

  head() {
    const { recall, query, notes } = this.turn;
    const degraded = notes.filter((note) => note.degraded);
    const chips = [
      when(recall.at), recall.session && ["session ", said(recall.session)], `entry ${recall.seq}`,
      `${recall.hits} of k ${query.k}`, recall.tokens === null ? "no budget" : `${recall.tokens} tokens`, milliseconds(recall.seconds),
      query.as_of && "as of another time", query.for_action && "for action", query.where && "filtered",
    ].filter(Boolean);
    const answer = h("div", { "aria-live": "polite" });
    const field = h("input", {
      id: "why-not", type: "search", placeholder: "Why not … (words of a memory, or its id)",
      "aria-label": "Why was this not recalled", autocomplete: "off", spellcheck: "false",
    });
    const form = h("form", {
      className: "whynot", on: { submit: (event) => { event.preventDefault(); this.whyNot(field, answer); } },
    }, field, h("button", { type: "submit" }, "Ask"));
    return h("div", { className: "head" },
      h("p", { className: "kicker" },
        h("span", { className: "state", data: { status: recall.status } }, recall.status),
        h("button", { type: "button", className: "ghost", id: "play", on: { click: () => this.play() } },
          "▶ play the session")),
      h("h2", { className: "question" }, said(recall.text)),
      h("p", { className: "chips" }, chips.map((chip) => h("span", { className: "chip" }, chip))),
      degraded.map((note) => h("p", { className: "fault" }, note.text)),
      form, answer);
  }

  async whyNot(field, answer) {
    const wanted = field.value.trim();
    if (!wanted) return show(answer);
    try {
      const fate = await ask("why_not", { recall_id: this.turn.recall.id, wanted });
      const others = fate.also.length ? h("p", { className: "quiet" },
        `${count(fate.also.length, "other memory has", "other memories have")} these words: `,
        fate.also.slice(0, 8).map((id) => this.link(id))) : null;
      const memory = fate.id ? await ask("get", { id: fate.id }).catch(() => null) : null;
      show(answer, h("div", { className: "answer" },
        memory && h("blockquote", {}, said(shorten(memory.text, 220)), " ", this.link(fate.id)),
        fateOf(fate), others));
    } catch (error) {
      show(answer, h("p", { className: "fault" }, error.message));
    }
    return undefined;
  }

  link(id) {
    return h("button", { type: "button", className: "plain", on: { click: () => this.open(id) } }, id);
  }

  look(name) {
    this.view = name;
    for (const tab of this.tabs.children) {
      const here = tab.dataset.view === name;
      tab.setAttribute("aria-selected", here ? "true" : "false");
      tab.tabIndex = here ? 0 : -1;
    }
    show(this.body, this.drawn(name));
  }

  drawn(name) {
    if (name === "stages") return flow(this.turn, this.open);
    if (name === "context") return context(this.turn);
    if (name === "compare") return compare(this.turn, this.others(), this.open);
    if (name === "memory then") return past(this.turn, this.open);
    this.ranking = new Ranking(this.turn, this.open);
    return this.ranking.draw();
  }

  keyed(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const here = VIEWS.indexOf(this.view);
    this.look(VIEWS[(here + step + VIEWS.length) % VIEWS.length]);
    this.tabs.querySelector('[aria-selected="true"]').focus();
  }

  drop(id) {
    if (this.view !== "ranking") this.look("ranking");
    this.ranking.drop(id);
  }
}
