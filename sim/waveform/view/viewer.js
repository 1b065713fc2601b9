"use strict";
(() => {
  const ROW = 30, RULER = 24, NEAR = 6;
  const data = JSON.parse(document.getElementById("data").textContent);
  const get = (id) => document.getElementById(id);
  const canvas = get("waves"), pen = canvas.getContext("2d"), list = get("names"), tip = get("tip");

  // ---- the trace -------------------------------------------------------------------------------------

  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;
  const kinds = { 0: Float64Array, 1: Uint8Array, 2: Uint16Array, 4: Uint32Array };
  const unpack = ([size, text]) => new kinds[size](bytes(text));
  const steps = (packed) => {
    const deltas = unpack(packed), times = new Float64Array(deltas.length);
    let now = 0;
    for (let i = 0; i < deltas.length; i++) times[i] = now += deltas[i];
    return times;
  };
  const signals = data.signals.map((one) => ({
    ...one, times: steps(one.times), values: unpack(one.values), hidden: !one.shown,
  }));
  const clock = data.clock && steps(data.clock);

  // Index of the last element that is not above x; -1 if there is none.
  const before = (sorted, x) => {
    let low = 0, high = sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sorted[middle] <= x) low = middle + 1; else high = middle;
    }
    return low - 1;
  };
  const cycle = (time) => before(clock, time) + 1;
  const valueAt = (signal, time) => signal.table[signal.values[Math.max(before(signal.times, time), 0)]];
  const units = [[1, "s"], [1e-3, "ms"], [1e-6, "µs"], [1e-9, "ns"], [1e-12, "ps"], [1e-15, "fs"]];
  const seconds = (time) => {
    const value = time * data.unit, magnitude = Math.abs(value);
    const [factor, name] = units.find(([size]) => magnitude >= size * 0.9999) || units[units.length - 1];
    return `${+(value / factor).toPrecision(9)} ${magnitude ? name : "ns"}`;
  };
  const moment = (time) => (clock ? `cycle ${cycle(time)} (${seconds(time)})` : seconds(time));
  const change = (signal, index) => {
    const value = signal.table[signal.values[index]];
    if (signal.width === 1 && index > 0 && (value === "0" || value === "1")) return value === "1" ? "rises" : "falls";
    return `becomes ${value}`;
  };
  const cause = (signal, index) => {
    const found = clock && signal.causes && signal.causes[cycle(signal.times[index])];
    return found || "";
  };

  // ---- what is shown ---------------------------------------------------------------------------------

  const end = Math.max(data.end, 1);
  const view = { start: 0, span: end, selected: 0, all: false, a: null, b: null };
  let rows = [], drawn = false;

  const choose = () => {
    const wanted = get("search").value.trim().toLowerCase();
    rows = signals.filter((one) => wanted
      ? one.label.toLowerCase().includes(wanted) || one.path.toLowerCase().includes(wanted)
      : view.all || !one.hidden);
    view.selected = Math.min(view.selected, Math.max(rows.length - 1, 0));
    list.replaceChildren(...rows.map((one, index) => {
      const item = document.createElement("li"), name = document.createElement("span");
      const value = document.createElement("span"), hide = document.createElement("button");
      item.id = `row${index}`;
      item.setAttribute("role", "option");
      name.className = "name"; name.textContent = one.label; name.title = one.path;
      value.className = "value";
      hide.textContent = one.hidden ? "+" : "×"; hide.tabIndex = -1;
      hide.setAttribute("aria-label", `${one.hidden ? "Show" : "Hide"} ${one.label}`);
      hide.addEventListener("click", (event) => { event.stopPropagation(); toggle(one); });
      item.append(name, value, hide);
      item.addEventListener("click", () => { view.selected = index; refresh(); });
      return item;
    }));
    refresh();
  };
  const toggle = (signal) => { signal.hidden = !signal.hidden; choose(); };

  const refresh = () => {
    const time = view.a ?? view.start;
    rows.forEach((one, index) => {
      const item = list.children[index], value = valueAt(one, time);
      item.children[1].textContent = value;
      item.setAttribute("aria-selected", index === view.selected);
      item.setAttribute("aria-label", `${one.label} is ${value} at ${moment(time)}`);
    });
    list.setAttribute("aria-activedescendant", rows.length ? `row${view.selected}` : "");
    list.children[view.selected]?.scrollIntoView({ block: "nearest" });
    readout();
    request();
  };

  const readout = () => {
    const parts = [];
    for (const name of ["a", "b"]) {
      if (view[name] === null) continue;
      const part = document.createElement("span");
      part.className = name;
      part.textContent = `${name.toUpperCase()}: ${moment(view[name])}  `;
      parts.push(part);
    }
    if (view.a !== null && view.b !== null) {
      const cycles = clock ? cycle(view.b) - cycle(view.a) : 0;
      const distance = clock ? `${cycles} ${Math.abs(cycles) === 1 ? "cycle" : "cycles"}, ` : "";
      parts.push(`B − A: ${distance}${seconds(view.b - view.a)}`);
    }
    get("readout").replaceChildren(...parts);
  };

  const clamp = () => {
    view.span = Math.min(Math.max(view.span, Math.min(end, 4)), end * 1.02);
    view.start = Math.min(Math.max(view.start, -end * 0.01), end * 1.01 - view.span);
  };
  const zoom = (factor, at = view.start + view.span / 2) => {
    const span = view.span;
    view.span *= factor;
    clamp();
    view.start = at - (at - view.start) * (view.span / span);
    clamp();
    request();
  };
  const pan = (time) => { view.start += time; clamp(); request(); };
  const fit = () => { view.start = 0; view.span = end * 1.01; clamp(); request(); };
  const width = () => canvas.clientWidth;
  const toX = (time) => ((time - view.start) / view.span) * width();
  const toTime = (x) => view.start + (x / width()) * view.span;
  const rowAt = (y) => rows[Math.floor((y - RULER + list.scrollTop) / ROW)];

  const snapped = (x, y) => {
    const time = Math.min(Math.max(toTime(x), 0), end), signal = rowAt(y);
    if (!signal) return time;
    const index = before(signal.times, time);
    const near = [index, index + 1].filter((i) => i > 0 && i < signal.times.length)
      .map((i) => signal.times[i]).sort((p, q) => Math.abs(p - time) - Math.abs(q - time))[0];
    return near !== undefined && Math.abs(toX(near) - x) <= NEAR ? near : time;
  };
  const say = (text) => { get("status").textContent = text; };
  const tell = (signal, index) => {
    const why = cause(signal, index);
    say(`${signal.label} ${change(signal, index)} in ${moment(signal.times[index])}${why ? `: ${why}` : ""}`);
  };
  const cursor = (name, time) => {
    view[name] = time;
    refresh();
    const signal = rows[view.selected];
    if (name !== "a" || time === null || !signal) return;
    const index = before(signal.times, time);
    if (index > 0 && signal.times[index] === time) tell(signal, index);
    else say(`cursor A: ${moment(time)}`);
  };
  const edge = (direction) => {
    const signal = rows[view.selected];
    if (!signal) return;
    const from = view.a ?? -1;
    let index = direction > 0 ? before(signal.times, from) + 1 : before(signal.times, from - 1e-9);
    if (direction > 0 && index === 0) index = 1;
    if (index < 1 || index >= signal.times.length) {
      say(`${signal.label} has no ${direction > 0 ? "later" : "earlier"} edge`);
      return;
    }
    view.a = signal.times[index];
    if (view.a < view.start || view.a > view.start + view.span) { view.start = view.a - view.span / 2; clamp(); }
    refresh();
    tell(signal, index);
  };

  // ---- drawing: no more than what is visible, and no more than one stroke a pixel --------------------

  const request = () => { if (!drawn) { drawn = true; requestAnimationFrame(draw); } };
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

  const draw = () => {
    drawn = false;
    const ratio = window.devicePixelRatio || 1, w = width(), h = canvas.clientHeight;
    if (canvas.width !== Math.round(w * ratio) || canvas.height !== Math.round(h * ratio)) {
      canvas.width = Math.round(w * ratio);
      canvas.height = Math.round(h * ratio);
    }
    const ink = Object.fromEntries(["paper", "ink", "faint", "line", "select", "high", "low", "bus", "unknown",
      "busy", "a", "b"].map((name) => [name, colour(name)]));
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.fillStyle = ink.paper;
    pen.fillRect(0, 0, w, h);
    pen.font = "12px ui-monospace, monospace";
    pen.textBaseline = "middle";
    const first = Math.max(Math.floor(list.scrollTop / ROW), 0);
    const last = Math.min(first + Math.ceil(h / ROW) + 1, rows.length);
    pen.save();
    pen.beginPath();
    pen.rect(0, RULER, w, h);
    pen.clip();
    for (let index = first; index < last; index++) {
      const top = RULER + index * ROW - list.scrollTop;
      if (index === view.selected) { pen.fillStyle = ink.select; pen.fillRect(0, top, w, ROW); }
    }
    grid(w, h, ink);
    for (let index = first; index < last; index++) {
      const top = RULER + index * ROW - list.scrollTop;
      if (rows[index].width === 1) level(rows[index], top, w, ink); else bus(rows[index], top, w, ink);
    }
    pen.restore();
    for (const name of ["b", "a"]) {
      if (view[name] === null) continue;
      const x = toX(view[name]);
      pen.fillStyle = ink[name];
      pen.fillRect(Math.round(x), 0, 1.5, h);
      pen.fillText(name.toUpperCase(), x + 4, RULER - 6);
    }
  };

  const grid = (w, h, ink) => {
    const visible = clock ? [Math.max(cycle(view.start), 0), cycle(view.start + view.span)] : null;
    const count = visible ? visible[1] - visible[0] : view.span;
    const step = nice(Math.max((count * 70) / w, clock ? 1 : 0));
    const from = visible ? visible[0] : view.start;
    const labels = [];
    for (let n = Math.ceil(from / step) * step; n <= from + count; n += step) {
      if (n < 0 || (clock && n > clock.length)) continue;
      const x = toX(clock ? (n === 0 ? 0 : clock[n - 1]) : n);
      pen.fillStyle = ink.line;
      pen.fillRect(Math.round(x), 0, 1, h);
      labels.push([clock ? String(n) : seconds(n), x]);
    }
    pen.restore();
    pen.fillStyle = ink.paper;
    pen.fillRect(0, 0, w, RULER);
    pen.fillStyle = ink.faint;
    for (const [text, x] of labels) pen.fillText(text, x + 3, 8);
    pen.save();
    pen.beginPath();
    pen.rect(0, RULER, w, h);
    pen.clip();
  };
  const nice = (wanted) => {
    const power = 10 ** Math.floor(Math.log10(Math.max(wanted, 1e-9)));
    return [1, 2, 5, 10].map((n) => n * power).find((n) => n >= wanted * 0.999);
  };

  // Calls paint(index, x from, x to, crowded): one call a change, or one a pixel where changes crowd.
  const spans = (signal, w, paint) => {
    const { times } = signal, last = times.length - 1;
    let index = Math.max(before(times, view.start), 0), x = Math.max(toX(times[index]), 0);
    while (x < w) {
      const next = index < last ? toX(times[index + 1]) : toX(end);
      if (next - x >= 1 || index >= last) {
        paint(index, x, Math.min(next, w), false);
        if (index >= last) break;
        index += 1;
        x = next;
      } else {
        const until = Math.floor(x) + 1.5, behind = Math.max(before(times, toTime(until)), index + 1);
        paint(behind, x, until, true);
        index = behind;
        x = until;
      }
    }
  };

  const level = (signal, top, w, ink) => {
    const high = top + 6, low = top + ROW - 6;
    const y = (value) => (value === "1" ? high : low);
    let previous = null;
    spans(signal, w, (index, x, until, crowded) => {
      const value = signal.table[signal.values[index]];
      const known = value === "0" || value === "1";
      pen.fillStyle = crowded ? ink.busy : !known ? ink.unknown : (value === "1") === !signal.low ? ink.high : ink.low;
      if (crowded || !known) {
        pen.fillRect(x, high, Math.max(until - x, 1), low - high + 1.5);
        previous = null;
        return;
      }
      if (previous !== null && previous !== y(value)) pen.fillRect(x, high, 1.5, low - high + 1.5);
      pen.fillRect(x, y(value), until - x + 1, (value === "1") === !signal.low ? 2 : 1.25);
      previous = y(value);
    });
  };

  const bus = (signal, top, w, ink) => {
    const high = top + 6, low = top + ROW - 6;
    spans(signal, w, (index, x, until, crowded) => {
      if (crowded) {
        pen.fillStyle = ink.busy;
        pen.fillRect(x, high, until - x, low - high + 1);
        return;
      }
      const value = signal.table[signal.values[index]];
      if (value === "-") return;
      pen.fillStyle = /^[01]*[xzXZ]/.test(value) && signal.width ? ink.unknown : ink.bus;
      pen.fillRect(x, high, until - x, 1);
      pen.fillRect(x, low, until - x, 1);
      pen.fillRect(x, high, 1, low - high + 1);
      const room = Math.floor((until - x - 8) / 7.3);
      if (room < 1) return;
      pen.fillStyle = ink.ink;
      pen.fillText(value.length <= room ? value : room > 2 ? `${value.slice(0, room - 1)}…` : "", x + 5, top + ROW / 2 + 0.5);
    });
  };

  // ---- mouse and touch -------------------------------------------------------------------------------

  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const sideways = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
    if (Math.abs(sideways) > Math.abs(event.shiftKey ? 0 : event.deltaY)) pan((sideways / width()) * view.span);
    else zoom(Math.exp(event.deltaY * 0.0015), toTime(event.offsetX));
  }, { passive: false });

  const fingers = new Map();
  let moved = 0;
  canvas.addEventListener("pointerdown", (event) => {
    fingers.set(event.pointerId, event);
    if (fingers.size === 1) moved = 0;
    canvas.setPointerCapture(event.pointerId);
    tip.hidden = true;
  });
  canvas.addEventListener("pointermove", (event) => {
    const past = fingers.get(event.pointerId);
    if (!past) { hover(event.offsetX, event.offsetY); return; }
    fingers.set(event.pointerId, event);
    if (fingers.size === 1) {
      moved += Math.abs(event.offsetX - past.offsetX) + Math.abs(event.offsetY - past.offsetY);
      if (moved > 4) pan(((past.offsetX - event.offsetX) / width()) * view.span);
      return;
    }
    moved = 100;
    const [p, q] = [...fingers.values()], other = p.pointerId === event.pointerId ? q : p;
    const now = Math.abs(event.offsetX - other.offsetX), then = Math.abs(past.offsetX - other.offsetX);
    if (now > 5 && then > 5) zoom(then / now, toTime((event.offsetX + other.offsetX) / 2));
  });
  const lift = (event) => {
    if (!fingers.delete(event.pointerId) || event.type !== "pointerup" || moved > 4) return;
    const row = Math.floor((event.offsetY - RULER + list.scrollTop) / ROW);
    if (row >= 0 && row < rows.length) view.selected = row;
    cursor(event.shiftKey ? "b" : "a", snapped(event.offsetX, event.offsetY));
  };
  canvas.addEventListener("pointerup", lift);
  canvas.addEventListener("pointercancel", lift);
  canvas.addEventListener("pointerleave", () => { tip.hidden = true; });

  const hover = (x, y) => {
    const signal = y > RULER ? rowAt(y) : null, time = toTime(x);
    if (!signal || time < 0 || time > end) { tip.hidden = true; return; }
    const index = Math.max(before(signal.times, time + (NEAR / 2 / width()) * view.span), 0);
    const line = (tag, text) => { const part = document.createElement(tag); part.textContent = text; return part; };
    const why = index > 0 ? cause(signal, index) : "";
    tip.replaceChildren(line("b", `${signal.label} = ${signal.table[signal.values[index]]}`), " ",
      line("i", index > 0 ? `since ${moment(signal.times[index])}` : "from the start"));
    if (why) tip.append(line("div", `${change(signal, index)}: ${why}`));
    tip.hidden = false;
    const box = tip.getBoundingClientRect(), left = canvas.offsetLeft + x;
    tip.style.left = `${Math.max(Math.min(left + 14, canvas.offsetLeft + width() - box.width - 8), 0)}px`;
    tip.style.top = `${y + 18 + box.height > canvas.clientHeight ? y - box.height - 10 : y + 18}px`;
  };

  // ---- keys and buttons ------------------------------------------------------------------------------

  const select = (step) => {
    view.selected = Math.min(Math.max(view.selected + step, 0), rows.length - 1);
    refresh();
    const signal = rows[view.selected];
    if (signal) say(`${signal.label} is ${valueAt(signal, view.a ?? view.start)} at ${moment(view.a ?? view.start)}`);
  };
  const help = () => {
    get("keys").hidden = !get("keys").hidden;
    get("help").setAttribute("aria-expanded", !get("keys").hidden);
    request();
  };
  const middle = () => view.start + view.span / 2;
  const none = () => { view.a = view.b = null; refresh(); say("no cursors"); };
  const keys = {
    "+": () => zoom(0.6), "=": () => zoom(0.6), "-": () => zoom(1 / 0.6), f: fit, n: () => edge(1), p: () => edge(-1),
    ArrowLeft: () => pan(-view.span / 8), ArrowRight: () => pan(view.span / 8),
    ArrowUp: () => select(-1), ArrowDown: () => select(1),
    Home: () => { view.start = 0; clamp(); request(); }, End: () => { view.start = end; clamp(); request(); },
    a: () => cursor("a", middle()), b: () => cursor("b", view.a ?? middle()), Escape: none, "?": help, "/": () => get("search").focus(),
    h: () => { if (rows[view.selected]) toggle(rows[view.selected]); },
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target === get("search")) {
      if (event.key === "Escape") { get("search").value = ""; choose(); list.focus(); }
      return;
    }
    if (event.target.tagName === "BUTTON" && (event.key === "Enter" || event.key === " ")) return;
    const action = keys[event.key];
    if (action) { event.preventDefault(); action(); }
  });
  get("search").addEventListener("input", choose);
  get("in").addEventListener("click", () => zoom(0.6));
  get("out").addEventListener("click", () => zoom(1 / 0.6));
  get("fit").addEventListener("click", fit);
  get("clear").addEventListener("click", none);
  get("help").addEventListener("click", help);
  get("all").addEventListener("click", () => {
    view.all = !view.all;
    get("all").setAttribute("aria-pressed", view.all);
    choose();
  });
  list.addEventListener("scroll", request);
  new ResizeObserver(request).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", request);
  choose();
  fit();
})();
