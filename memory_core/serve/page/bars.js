// A score as the terms that sum to it: one bar, one colour a term, the same scale for a whole list.

import { h, number, signed } from "./dom.js";

export const TERMS = [
  ["dense", "meaning"],
  ["lexical", "words"],
  ["sparse", "words a model adds"],
  ["late", "word by word"],
  ["rerank", "cross-encoder"],
  ["context", "neighbours in the session"],
  ["link", "links"],
  ["session", "its session"],
  ["time", "the time asked for"],
  ["speaker", "who is asked about"],
  ["recency", "recency"],
  ["importance", "importance"],
  ["reinforced", "usefulness"],
  ["unjudged", "not judged in time"],
];
const KNOWN = new Map(TERMS);

const tone = (name) => (KNOWN.has(name) ? name : "other");

export const spoken = (terms) =>
  Object.entries(terms)
    .map(([name, value]) => `${KNOWN.get(name) ?? name} ${signed(value)}`)
    .join(", ");

export function scaleOf(rows) {
  const most = Math.max(0.001, ...rows.map((terms) => sum(terms, 1)));
  const least = Math.max(0, ...rows.map((terms) => -sum(terms, -1)));
  return { most, least, width: most + least };
}

const sum = (terms, sign) =>
  Object.values(terms).reduce((total, value) => total + (value * sign > 0 ? value : 0), 0);

export function bar(terms, scale) {
  const parts = Object.entries(terms).filter(([, value]) => Math.abs(value) > 0.0005);
  const share = (value) => `${(100 * Math.abs(value)) / scale.width}%`;
  const piece = ([name, value]) =>
    h("i", {
      className: "piece",
      data: { term: tone(name), sign: value < 0 ? "minus" : "plus" },
      title: `${KNOWN.get(name) ?? name} ${signed(value, 3)}`,
      style: { width: share(value) },
    });
  const below = parts.filter(([, value]) => value < 0);
  const above = parts.filter(([, value]) => value > 0);
  const gap = scale.least + sum(terms, -1);
  return h(
    "span",
    { className: "bar", role: "img", "aria-label": spoken(terms) },
    gap > 0.0005 && h("i", { className: "gap", style: { width: share(gap) } }),
    below.map(piece),
    above.map(piece),
  );
}

export function legend(rows) {
  const used = new Set(rows.flatMap((terms) => Object.keys(terms)));
  const names = [...TERMS.filter(([name]) => used.has(name)),
    ...[...used].filter((name) => !KNOWN.has(name)).map((name) => [name, name])];
  return h(
    "ul",
    { className: "legend" },
    names.map(([name, label]) =>
      h("li", {}, h("i", { className: "dot", data: { term: tone(name) } }), label)),
  );
}

export function table(terms) {
  const total = Object.values(terms).reduce((a, b) => a + b, 0);
  return h(
    "table",
    { className: "terms" },
    h("caption", {}, "Where the score comes from"),
    h(
      "tbody",
      {},
      Object.entries(terms).map(([name, value]) =>
        h("tr", {},
          h("th", { scope: "row" }, h("i", { className: "dot", data: { term: tone(name) } }),
            KNOWN.get(name) ?? name),
          h("td", {}, signed(value, 3)))),
    ),
    h("tfoot", {}, h("tr", {}, h("th", { scope: "row" }, "score"), h("td", {}, number(total, 3)))),
  );
}
