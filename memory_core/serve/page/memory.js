// One memory beside the turn: its fate in this recall, its score, its links and its versions.

import { ask } from "./api.js";
import { table } from "./bars.js";
import { h, number, said, shorten, show, svg, when } from "./dom.js";

export function memoryPanel(place, turn, id, row, { open, close, drop }) {
  place.hidden = false;
  const head = h("header", {},
    h("h2", {}, "Memory ", h("code", {}, id)),
    h("button", { type: "button", className: "ghost", "aria-label": "Close", on: { click: close } }, "✕"));
  const body = h("div", {}, h("p", { className: "quiet" }, "Looking …"));
  show(place, head, body);
  const failed = (error) => ({ failed: error.message });
  Promise.all([
    ask("history", { id }).catch(failed),
    turn ? ask("why", { recall_id: turn.recall.id, wanted: id }).catch(failed) : null,
    ask("around", { id, hops: 2, limit: 40, seq: turn?.recall.seq }).catch(failed),
  ]).then(([history, fate, around]) => {
    const changes = history.changes ?? [];
    const newest = changes.findLast((change) => change.memory)?.memory ?? row?.memory;
    show(body,
      newest && h("blockquote", {}, said(newest.text)),
      newest && facts(newest),
      history.failed && h("p", { className: "fault" }, history.failed),
      fate && fateOf(fate),
      row?.terms && table(row.terms),
      turn && drop && h("button", { type: "button", className: "ghost", on: { click: () => drop(id) } },
        "Recall without it"),
      around.links?.length ? graph(around, open) : null,
      changes.length > 1 ? versions(changes) : null);
  });
  head.querySelector("button").focus({ preventScroll: true });
}

function facts(memory) {
  const told = {
    speaker: memory.speaker ?? memory.role, happened: when(memory.occurred_at), session: memory.session,
    source: memory.source, trust: memory.trust, state: memory.state, kind: memory.kind,
    importance: memory.importance === undefined ? null : number(memory.importance),
    subject: memory.subject, attribute: memory.attribute, key: memory.key,
    ...Object.fromEntries(Object.entries(memory.metadata ?? {}).map(([name, value]) =>
      [`metadata ${name}`, Array.isArray(value) ? value.join(", ") : String(value)])),
  };
  return h("dl", { className: "facts" }, Object.entries(told).filter(([, value]) => value).map(([name, value]) =>
    h("div", {}, h("dt", {}, said(name)), h("dd", {}, said(value)))));
}

export function fateOf(fate) {
  if (fate.failed) return h("p", { className: "fault" }, fate.failed);
  return h("section", { className: "fate", data: { kept: fate.kept ? "yes" : "no" } },
    h("p", {}, h("strong", {}, fate.kept ? "recalled" : `lost: ${fate.stage}`), " ", said(fate.detail)),
    fate.passages.length > 1 ? spark(fate.passages) : null);
}

function spark(passages) {
  const deepest = Math.max(...passages.map((passage) => passage.rank), 2);
  const at = (place) => 10 + (place * 260) / Math.max(1, passages.length - 1);
  const down = (rank) => 8 + (40 * Math.log(rank)) / Math.log(deepest);
  const told = passages.map((passage) => `${passage.stage} ${passage.rank}`).join(" · ");
  return h("div", {},
    svg("svg", { className: "spark", viewBox: "0 0 280 68", role: "img", "aria-label": `ranks: ${told}` },
      svg("polyline", { points: passages.map((p, n) => `${at(n)},${down(p.rank)}`).join(" ") }),
      passages.map((passage, n) => svg("g", {},
        svg("title", {}, `${passage.stage}: rank ${passage.rank}, score ${number(passage.score, 3)}`),
        svg("circle", { cx: at(n), cy: down(passage.rank), r: 3 }),
        svg("text", { x: at(n), y: down(passage.rank) + 15, "text-anchor": end(n, passages) },
          String(passage.rank))))),
    h("p", { className: "quiet meta" }, "rank after ", told));
}

const end = (n, all) => (n === 0 ? "start" : n === all.length - 1 ? "end" : "middle");

function versions(changes) {
  return h("section", {}, h("h3", {}, "Its history"), h("ol", { className: "versions" },
    changes.map((change) => h("li", {},
      h("span", { className: "quiet" }, `${change.event}, entry ${change.version}, ${when(change.at)}`),
      change.memory ? h("p", {}, said(shorten(change.memory.text, 240))) : h("p", {}, h("em", {}, "erased"))))));
}

// The links around a memory: it in the middle, its neighbours around it, theirs further out.
export function graph({ center, memories, links }, open) {
  const near = new Set(links.flatMap((link) =>
    link.source === center ? [link.target] : link.target === center ? [link.source] : []));
  const rings = [[center], [...near].filter((id) => id !== center)];
  rings.push(memories.map((memory) => memory.id).filter((id) => id !== center && !near.has(id)));
  const spot = new Map();
  rings.forEach((ring, depth) => ring.forEach((id, n) => {
    const turn = (2 * Math.PI * n) / ring.length - Math.PI / 2 + depth * 0.3;
    const far = [0, rings[2].length ? 62 : 92, 122][depth];
    spot.set(id, [160 + far * 1.15 * Math.cos(turn), 140 + far * Math.sin(turn)]);
  }));
  const byId = new Map(memories.map((memory) => [memory.id, memory]));
  const edge = (link) => {
    const [[x1, y1], [x2, y2]] = [spot.get(link.source), spot.get(link.target)];
    return svg("g", { className: "edge" },
      svg("line", { x1, y1, x2, y2 }),
      (link.source === center || link.target === center) &&
        svg("text", { x: (x1 + x2) / 2, y: (y1 + y2) / 2 - 3, "text-anchor": "middle" },
          shorten(link.relation, 14)),
      svg("title", {}, `${link.source} ${link.relation} ${link.target}`));
  };
  const node = (id) => {
    const [cx, cy] = spot.get(id);
    const memory = byId.get(id);
    const go = () => id !== center && open(id);
    return svg("g", {
      className: "node", data: { center: id === center ? "yes" : "no" }, tabindex: id === center ? undefined : 0,
      role: id === center ? undefined : "button", "aria-label": shorten(memory.text, 120),
      on: { click: go, keydown: (event) => { if (event.key === "Enter") go(); } },
    },
    svg("title", {}, shorten(memory.text, 200)),
    svg("circle", { cx, cy, r: id === center ? 9 : 6.5 }),
    svg("text", { x: cx, y: cy + 20, "text-anchor": "middle" }, shorten(memory.text, 18)));
  };
  return h("section", {}, h("h3", {}, "What it is linked to"),
    svg("svg", { className: "graph", viewBox: "0 0 320 290", role: "group", "aria-label": "Links" },
      links.map(edge), [...spot.keys()].filter((id) => byId.has(id)).map(node)));
}
