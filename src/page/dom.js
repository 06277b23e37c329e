// What comes from tables is a tenant's: it is put into the page as text only, never as markup.

const byId = (id) => document.getElementById(id);

// An element with attributes, and children that are elements or text.
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function setClass(element, text) {
  if (element.className !== text) element.className = text;
}

// Brings the children of `parent` to one for each item, in order. Those of items that were there stay, so that nobody
// loses the focus: `build` makes one and gives back what updates it.
function keep(parent, items, keyOf, build) {
  const known = parent.kept ?? new Map();
  const kept = new Map();
  let place = parent.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    const one = known.get(key) ?? build(item);
    known.delete(key);
    kept.set(key, one);
    one.update(item);
    if (one.element === place) place = place.nextElementSibling;
    else parent.insertBefore(one.element, place);
  }
  for (const one of known.values()) one.element.remove();
  parent.kept = kept;
}

function number(value) {
  if (!Number.isFinite(value)) return "–";
  const digits = value !== 0 && Math.abs(value) < 10 ? 1 : 0;
  return value.toLocaleString("en", { maximumFractionDigits: digits });
}

const percent = (part, all) => (all > 0 ? `${number((100 * part) / all)} %` : "–");

function duration(seconds) {
  if (!Number.isFinite(seconds)) return "–";
  if (seconds < 1) return `${number(seconds * 1000)} ms`;
  if (seconds < 120) return `${number(seconds)} s`;
  if (seconds < 7200) return `${number(Math.floor(seconds / 60))} min`;
  if (seconds < 172800) return `${number(Math.floor(seconds / 3600))} h`;
  return `${number(Math.floor(seconds / 86400))} days`;
}

function bytes(value) {
  const units = ["bytes", "KiB", "MiB", "GiB"];
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${number(value)} ${units[unit]}`;
}

const count = (value, one, many) => `${number(value)} ${value === 1 ? one : many}`;
