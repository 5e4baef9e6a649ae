// Sessions and their turns, the newest session first, each session from its first turn to its last.

import { count, day, h, said, shorten, show, time } from "./dom.js";

export function sessionsOf(recalls) {
  const found = new Map();
  for (const recall of recalls) {
    const name = recall.session ?? "";
    if (!found.has(name)) found.set(name, []);
    found.get(name).push(recall);
  }
  return [...found].map(([name, turns]) => ({ name, turns: turns.toReversed() }));
}

export class Timeline {
  constructor(place, choose) {
    this.place = place;
    this.choose = choose;
    this.sessions = [];
    this.chosen = null;
  }

  set(recalls) {
    this.sessions = sessionsOf(recalls);
    this.draw();
  }

  get order() {
    return this.sessions.flatMap((session) => session.turns);
  }

  next(step) {
    const order = this.order;
    const here = order.findIndex((turn) => turn.id === this.chosen);
    return order[Math.min(order.length - 1, Math.max(0, here + step))] ?? null;
  }

  sessionOf(id) {
    return this.sessions.find((session) => session.turns.some((turn) => turn.id === id)) ?? null;
  }

  mark(id) {
    this.chosen = id;
    for (const button of this.place.querySelectorAll("button.turn")) {
      const here = button.dataset.id === id;
      button.setAttribute("aria-current", here ? "true" : "false");
      button.tabIndex = here ? 0 : -1;
      if (here) button.scrollIntoView({ block: "nearest" });
    }
  }

  draw() {
    const total = this.order.length;
    show(
      this.place,
      h("details", { className: "sheet", open: matchMedia("(min-width: 60rem)").matches },
        h("summary", {}, count(total, "turn"), h("span", { className: "quiet" },
          ` in ${count(this.sessions.length, "session")}`)),
        total === 0 && h("p", { className: "quiet empty" },
          "Nothing was recalled yet. A turn appears here as soon as an agent recalls."),
        this.sessions.map((session) => this.session(session))),
    );
    this.mark(this.chosen);
  }

  session({ name, turns }) {
    const head = h("h2", { className: "session" },
      name ? said(shorten(name, 40)) : "without a session",
      h("span", { className: "quiet" }, day(turns[0].at)));
    return h("section", {}, head, h("ol", {}, turns.map((turn) => h("li", {}, this.turn(turn)))));
  }

  turn(turn) {
    return h("button", {
      className: "turn", type: "button", data: { id: turn.id }, "aria-current": "false", tabindex: -1,
      on: { click: () => this.choose(turn.id), keydown: (event) => this.keyed(event) },
    },
    h("span", { className: "quiet clock" }, time(turn.at)),
    said(shorten(turn.text, 110)),
    h("span", { className: "state", data: { status: turn.status } },
      turn.status === "ok" ? String(turn.hits) : turn.status));
  }

  keyed(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const turn = this.next(step);
    if (turn) this.choose(turn.id, true);
  }

  focus() {
    this.place.querySelector(`button.turn[data-id="${CSS.escape(this.chosen ?? "")}"]`)?.focus();
  }
}
