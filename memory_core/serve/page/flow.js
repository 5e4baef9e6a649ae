// Candidates on their way through the stages: a line each, from rank to rank, until it is cut.

import { h, milliseconds, number, shorten, svg } from "./dom.js";

const DEEP = 30; // ranks that have a row of their own; what lies deeper runs along the last line
const ROW = 15;
const COLUMN = [72, 150]; // narrowest and widest distance of two stages
const TOP = 58;
const LEFT = 46;
const RIGHT = 58; // room for rank and score

const WORDS = {
  prepare: "prepare", dense: "by meaning", lexical: "by words", fuse: "fused", context: "in session",
  spread: "by links", lineage: "sources first", temporal: "by time", speaker: "by speaker",
  rerank: "cross-encoder", session: "by session", score: "scored", cap: "per writer", diversify: "different", pack: "packed",
};

let column = COLUMN[1];

export function flow(turn, open) {
  const stages = turn.stages.filter((stage) => stage.name !== "prepare");
  const recalled = new Map(turn.ranked.map((hit, place) => [hit.version, place + 1]));
  const lines = linesOf(stages, recalled);
  const room = (document.getElementById("turn").clientWidth - LEFT - RIGHT - 66) / (stages.length - 1);
  column = Math.max(COLUMN[0], Math.min(COLUMN[1], room));
  const wide = LEFT + RIGHT + column * (stages.length - 1);
  const high = TOP + ROW * (DEEP + 2);
  const chart = svg("svg", {
    viewBox: `0 0 ${wide} ${high}`, width: wide, height: high, className: "flow", role: "group",
    "aria-label": "Ranks of the candidates, stage by stage",
  },
  stages.map((stage, place) => head(stage, x(place))),
  [1, 5, 10, 20, DEEP].map((rank) =>
    svg("text", { className: "tick", x: 4, y: y(rank) + 4 }, String(rank))),
  lines.map((line) => drawn(line, turn, open)));
  const hidden = turn.candidates.length - lines.length;
  return h("section", { "aria-label": "Stages" },
    h("p", { className: "quiet" },
      `${turn.candidates.length} candidates; every line is one, from rank to rank. `,
      hidden > 0 && `${hidden} that never came among the first ${DEEP} are not drawn. `,
      "Those in colour were recalled."),
    h("div", { className: "scroll", tabindex: 0, role: "region", "aria-label": "Chart, scrolls" }, chart),
    notes(stages));
}

function linesOf(stages, recalled) {
  const found = new Map();
  stages.forEach((stage, place) => {
    stage.hits.forEach((hit, rank) => {
      if (!found.has(hit.version)) found.set(hit.version, { version: hit.version, points: [] });
      found.get(hit.version).points.push({ place, rank: rank + 1, score: hit.score });
    });
    for (const cut of stage.cuts) {
      const line = found.get(cut.version);
      if (line && !line.cut) line.cut = { place, reason: cut.reason, stage: stage.name };
    }
  });
  return [...found.values()]
    .filter((line) => recalled.has(line.version) || line.points.some((point) => point.rank <= DEEP))
    .map((line) => ({ ...line, final: recalled.get(line.version) ?? null }))
    .sort((a, b) => (a.final === null ? -1 : b.final === null ? 1 : b.final - a.final));
}

const y = (rank) => TOP + ROW * (Math.min(rank, DEEP + 1) - 0.5);
const x = (place) => LEFT + place * column;

function head(stage, at) {
  return svg("g", { className: "stage" },
    svg("line", { x1: at, x2: at, y1: TOP - 6, y2: TOP + ROW * (DEEP + 1.4) }),
    svg("text", { x: at, y: 14, "text-anchor": "middle" }, WORDS[stage.name] ?? stage.name),
    svg("text", { className: "tick", x: at, y: 29, "text-anchor": "middle" },
      stage.cuts.length ? `${stage.hits.length} of ${stage.hits.length + stage.cuts.length}` : `${stage.hits.length}`),
    svg("text", { className: "tick", x: at, y: 43, "text-anchor": "middle" }, milliseconds(stage.seconds)));
}

function drawn(line, turn, open) {
  const memory = turn.byVersion.get(line.version);
  const text = memory?.erased ? "erased since" : shorten(memory?.text ?? "", 160);
  const points = line.points;
  const path = points.map((point, n) => {
    const [px, py] = [x(point.place), y(point.rank)];
    if (n === 0) return `M${px},${py}`;
    const before = points[n - 1];
    const middle = (x(before.place) + px) / 2;
    return `C${middle},${y(before.rank)} ${middle},${py} ${px},${py}`;
  }).join("");
  const end = points.at(-1);
  const open_ = () => memory?.id && open(memory.id, { memory, version: line.version });
  const told = line.cut
    ? `${text} — cut by ${line.cut.stage}: ${line.cut.reason}`
    : `${text} — ${line.final ? `recalled at rank ${line.final}` : "not recalled"}`;
  return svg("g", {
    className: "way", data: { recalled: line.final ? "yes" : "no", tone: String((line.final ?? 0) % 6) },
    tabindex: line.final ? 0 : undefined, role: line.final ? "button" : undefined, "aria-label": told,
    on: {
      click: open_,
      keydown: (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); open_(); } },
    },
  },
  svg("title", {}, told),
  svg("path", { className: "touch", d: path }),
  svg("path", { className: "stroke", d: path }),
  points.map((point) => svg("circle", { cx: x(point.place), cy: y(point.rank), r: line.final ? 3.2 : 1.8 })),
  line.cut && svg("path", { className: "cut", d: cross(x(end.place) + 9, y(end.rank)) }),
  line.final && svg("text", { className: "final", x: x(end.place) + 9, y: y(end.rank) + 4 },
    `${line.final}  ${number(end.score)}`));
}

const cross = (cx, cy) => `M${cx - 3},${cy - 3}l6,6m0,-6l-6,6`;

function notes(stages) {
  const told = stages.flatMap((stage) => stage.notes.map((note) => [stage.name, note]));
  if (!told.length) return null;
  return h("ul", { className: "notes" }, told.map(([name, note]) =>
    h("li", { data: { degraded: note.degraded ? "yes" : "no" } }, h("b", {}, name), " ", note.text)));
}
