// Two turns side by side: what differs between them, which memories moved, and what took them there.

import { ask } from "./api.js";
import { bar, legend, scaleOf } from "./bars.js";
import { count, h, said, shorten, show, signed, when } from "./dom.js";

export function compare(turn, others, open) {
  const place = h("div");
  const choice = h("select", { id: "other", on: { change: () => put() } },
    h("option", { value: "" }, "choose a turn …"),
    others.filter((other) => other.id !== turn.recall.id).map((other) =>
      h("option", { value: other.id }, `${when(other.at)} — ${shorten(other.text, 70)}`)));
  const put = () => {
    if (!choice.value) return show(place);
    show(place, h("p", { className: "quiet" }, "Undoing one difference after the other …"));
    return ask("diff", { before: turn.recall.id, after: choice.value })
      .then(({ diff }) => show(place, told(diff, open)))
      .catch((error) => show(place, h("p", { className: "fault" }, error.message)));
  };
  return h("section", { "aria-label": "Compare" },
    h("label", { className: "wide", for: "other" }, "This turn, and "), choice, place);
}

function told(diff, open) {
  const gains = diff.shifts.map((shift) => shift.terms ?? {});
  const scale = scaleOf(gains);
  return h("div", {},
    h("h3", {}, "What differs"),
    diff.causes.length
      ? h("ul", { className: "causes" }, diff.causes.map((cause) =>
        h("li", {}, h("b", {}, cause.label), " ", said(cause.detail))))
      : h("p", { className: "quiet" }, "Nothing differs between the two."),
    diff.notes.map((note) => h("p", { className: "quiet" }, note)),
    h("h3", {}, count(diff.shifts.length, "memory stands", "memories stand"), " elsewhere"),
    diff.shifts.length > 0 && legend(gains),
    h("ol", { className: "shifts" }, diff.shifts.map((shift) => row(shift, scale, open))));
}

function row(shift, scale, open) {
  const text = h("span", { className: "said" }, shift.id);
  ask("get", { id: shift.id })
    .then((memory) => show(text, said(shorten(memory.text, 200))))
    .catch(() => show(text, h("em", { className: "quiet" }, "is not here any more")));
  const causes = shift.effects.filter((effect) => effect.restores).map((effect) => effect.label);
  const fates = shift.fates.filter(Boolean);
  return h("li", {}, h("button", { className: "hit", type: "button", on: { click: () => open(shift.id) } },
    h("span", { className: "rank two" }, place(shift.before), h("span", { className: "quiet" }, "→"),
      place(shift.after)),
    h("span", { className: "body" },
      h("span", { className: "line" }, Object.keys(shift.terms).length ? bar(shift.terms, scale) : null,
        shift.gain !== null && h("span", { className: "score" }, signed(shift.gain))),
      text,
      h("span", { className: "quiet meta" },
        causes.length ? `because of ${causes.join(", ")}` : "",
        fates.length ? ` before: ${shift.fates[0]}; after: ${shift.fates[1]}` : ""))));
}

const place = (standing) => (standing?.rank ? String(standing.rank) : "–");
