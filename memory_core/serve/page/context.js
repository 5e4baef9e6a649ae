// What the agent saw: the packed text, record by record, from a re-execution that proves itself.

import { ask } from "./api.js";
import { count, h, said, show } from "./dom.js";

export function context(turn) {
  const place = h("section", { "aria-label": "Context" },
    h("p", { className: "quiet" }, "Recalling the same on the memory as it was …"));
  ask("reexecute", { recall_id: turn.recall.id })
    .then((again) => show(place, verdict(again), records(again, turn)))
    .catch((error) => show(place, h("p", { className: "fault" }, error.message)));
  return place;
}

function verdict(again) {
  return h("div", { className: "verdict", data: { exact: again.exact ? "yes" : "no" } },
    h("strong", {}, again.verdict),
    h("span", {}, again.exact
      ? again.same_context
        ? "The same memories, the same scores, the same bytes."
        : "The same memories and scores; the packed text differs."
      : again.difference),
    again.missed?.length ? h("span", {}, `A full scan would also have found ${again.missed.join(", ")}.`) : null);
}

function records(again, turn) {
  const text = again.result.context;
  if (!text) {
    return h("p", { className: "quiet" }, "The prompt got nothing: no memory was relevant enough.");
  }
  const lines = text.split("\n");
  return h("div", {},
    h("p", { className: "quiet" },
      `${count(lines.length, "record")}, ${again.result.tokens} tokens`
      + (turn.query.budget ? ` of ${turn.query.budget}` : "") + ", as they stood in the prompt:"),
    h("ol", { className: "records" }, lines.map((line) => h("li", {}, record(line)))));
}

function record(line) {
  let fields;
  try {
    fields = JSON.parse(line);
  } catch {
    return h("pre", {}, said(line));
  }
  const { text, ...rest } = fields;
  return [
    h("p", {}, said(String(text ?? ""))),
    h("p", { className: "quiet meta" }, Object.entries(rest).map(([name, value]) =>
      h("span", { className: "chip" }, `${name} `, said(String(value))))),
  ];
}
