// Elements are made here and nowhere else. Texts become text nodes: no markup is ever parsed.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "on") {
      for (const [event, act] of Object.entries(value)) element.addEventListener(event, act);
    } else if (name === "style") {
      for (const [key, each] of Object.entries(value)) element.style.setProperty(key, each);
    } else if (name === "data") {
      Object.assign(element.dataset, value);
    } else if (name === "value" || name === "checked" || name === "disabled") {
      element[name] = value;
    } else {
      element.setAttribute(name === "className" ? "class" : name, value === true ? "" : value);
    }
  }
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false) continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return element;
}

export const h = (tag, props, ...children) => fill(document.createElement(tag), props, children);

export const svg = (tag, props, ...children) =>
  fill(document.createElementNS(SVG, tag), props, children);

export function show(place, ...children) {
  place.replaceChildren(...children.flat(Infinity).filter((child) => child instanceof Node));
}

// What somebody once said: set apart, so that its direction cannot turn what stands around it.
export const said = (text, className = "said") => h("bdi", { className, dir: "auto" }, text);

export function shorten(text, length) {
  const flat = String(text).replace(/\s+/gu, " ").trim();
  const letters = [...flat];
  return letters.length <= length ? flat : letters.slice(0, length - 1).join("") + "…";
}

const DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });
const TIME = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

export const day = (moment) => (moment ? DAY.format(new Date(moment)) : "");
export const time = (moment) => (moment ? TIME.format(new Date(moment)) : "");
export const when = (moment) => (moment ? `${day(moment)}, ${time(moment)}` : "");
export const number = (value, digits = 2) => (value ?? 0).toFixed(digits);
export const signed = (value, digits = 2) => (value < 0 ? "−" : "+") + number(Math.abs(value), digits);
export const milliseconds = (seconds) => `${number(seconds * 1000, seconds < 0.01 ? 1 : 0)} ms`;
export const count = (n, one, many = `${one}s`) => `${n} ${n === 1 ? one : many}`;

export const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

export function later(act, wait) {
  let timer = 0;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => act(...given), wait);
  };
}
