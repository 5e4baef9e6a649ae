"""The script of the page of links: pan, zoom, point, filter; it writes text, never HTML."""

SCRIPT = """
"use strict";
const svg = document.getElementById("links"), about = document.getElementById("about");
const whole = svg.viewBox.baseVal, first = [whole.x, whole.y, whole.width, whole.height];
const memories = new Map([...svg.querySelectorAll("g.memory")].map(g => [g.dataset.id, g]));
const lines = [...svg.querySelectorAll("line")], off = new Set();
const hint = about.textContent;
let held = null, from = null, moved = false;

function show(x, y, w, h) {
  whole.x = x; whole.y = y; whole.width = w; whole.height = h;
  const box = svg.getBoundingClientRect(), scale = Math.min(box.width / w, box.height / h);
  svg.style.setProperty("--type", `${11.5 / Math.min(scale, 2)}px`);
  svg.classList.toggle("small", memories.size > 1 && scale < 0.75);
}
function at(event) {
  const point = new DOMPoint(event.clientX, event.clientY);
  return point.matrixTransform(svg.getScreenCTM().inverse());
}
function zoom(x, y, factor) {
  const w = Math.min(Math.max(whole.width * factor, 60), 1.5 * first[2]);
  const by = w / whole.width;
  show(x - (x - whole.x) * by, y - (y - whole.y) * by, w, whole.height * by);
}
function point(id) {
  for (const g of svg.querySelectorAll(".near")) g.classList.remove("near");
  svg.classList.toggle("asked", id !== null);
  about.textContent = hint;
  if (id === null) return;
  const near = new Set([id]);
  let count = 0;
  for (const line of lines) {
    const { a, b, r } = line.dataset;
    if (off.has(r) || (a !== id && b !== id)) continue;
    line.classList.add("near");
    near.add(a).add(b);
    count += 1;
  }
  for (const one of near) memories.get(one)?.classList.add("near");
  const links = `${count} ${count === 1 ? "link" : "links"}`;
  about.textContent = `${memories.get(id).dataset.told}\\n${links}`;
}
svg.addEventListener("wheel", event => {
  event.preventDefault();
  const place = at(event);
  zoom(place.x, place.y, Math.exp(event.deltaY * 0.0015));
}, { passive: false });
svg.addEventListener("pointerdown", event => {
  from = at(event); moved = false;
});
svg.addEventListener("pointermove", event => {
  if (from === null) {
    if (held === null) point(event.target.closest("g.memory")?.dataset.id ?? null);
    return;
  }
  const to = at(event);
  if (!moved && Math.hypot(to.x - from.x, to.y - from.y) * svg.getScreenCTM().a < 4) return;
  if (!moved) svg.setPointerCapture(event.pointerId);
  moved = true;
  svg.classList.add("held");
  show(whole.x + from.x - to.x, whole.y + from.y - to.y, whole.width, whole.height);
});
svg.addEventListener("pointerup", event => {
  if (from !== null && !moved) {
    const id = event.target.closest("g.memory")?.dataset.id ?? null;
    held = id === held ? null : id;
    point(id);
  }
  from = null; svg.classList.remove("held");
});
svg.addEventListener("pointercancel", () => { from = null; svg.classList.remove("held"); });
for (const box of document.querySelectorAll("input[data-r]")) {
  box.addEventListener("change", () => {
    off[box.checked ? "delete" : "add"](box.dataset.r);
    for (const line of lines) line.classList.toggle("off", off.has(line.dataset.r));
    point(held);
  });
}
document.getElementById("whole").addEventListener("click", () => show(...first));
window.addEventListener("resize", () => show(whole.x, whole.y, whole.width, whole.height));
show(...first);
"""
