// The circuit as SVG. Three blocks, each drawn once in coordinates of its own; wide, they stand side by side, on a
// phone one below the other, with other wires between them.

const SVG = "http://www.w3.org/2000/svg";
const node = (tag, attributes = {}, ...inside) => {
  const made = document.createElementNS(SVG, tag);
  for (const name in attributes) made.setAttribute(name, attributes[name]);
  made.append(...inside);
  return made;
};
const words = (x, y, text, more = {}) => node("text", { x, y, ...more }, text);
const path = (d, more = {}) => node("path", { d, fill: "none", ...more });

class Drawing {
  // `texts` gives a part's texts; `pick` is called with the part that is pointed at or focused, or null.
  constructor(svg, pick) {
    this.svg = svg;
    this.pick = pick;
    this.parts = {};
  }

  build(texts, stages, tall) {
    this.texts = texts;
    this.parts = {};
    this.svg.replaceChildren();
    this.svg.setAttribute("viewBox", tall ? "0 0 460 1490" : "0 0 1290 626");
    this.svg.classList.toggle("tall", tall);
    const corners = tall ? { processor: [10, 44], chipset: [120, 668], pics: [76, 1010] } : { processor: [10, 34], chipset: [610, 147], pics: [970, 34] };
    const tags = this.wires(corners, tall);
    const blocks = { processor: this.processor(stages), chipset: this.chipset(), pics: this.pics() };
    for (const name in blocks) {
      blocks[name].setAttribute("transform", `translate(${corners[name]})`);
      this.svg.append(blocks[name]);
    }
    this.svg.append(...tags);
  }

  // Something to point at. `key` is in texts.parts; `signal` is what its level is called.
  part(key, signal, ...inside) {
    return this.pointed(key, signal, node("g", { class: "part", tabindex: "0", role: "img" }, ...inside));
  }

  pointed(key, signal, group) {
    group.dataset.part = key;
    group.dataset.signal = signal;
    const show = () => this.pick(key, signal, group);
    group.addEventListener("pointerenter", show);
    group.addEventListener("focus", show);
    group.addEventListener("click", show);
    group.addEventListener("pointerleave", () => this.pick(null));
    (this.parts[signal] ||= []).push(group);
    return group;
  }

  block(width, height, title, under) {
    const group = node("g", { class: "block" }, node("rect", { width, height, rx: 10 }), words(14, 24, title, { class: "title" }));
    if (under) group.append(words(width - 14, 24, under, { class: "small", "text-anchor": "end" }));
    return group;
  }

  lamp(key, signal, x, y, width, name, height = 30) {
    return this.part(key, signal, node("rect", { x, y, width, height, rx: 5, class: "lamp" }), words(x + 8, y + height / 2 + 5, name), words(x + width - 8, y + height / 2 + 5, "", { class: "value", "text-anchor": "end" }));
  }

  // A D flip-flop with its clock; `left` if its output is on the left.
  flipFlop(key, signal, x, y, name, left = false) {
    const [d, q] = left ? [50, 7] : [7, 46];
    return this.part(key, signal,
      node("rect", { x, y, width: 64, height: 70, rx: 3, class: "flipflop lamp" }),
      words(x + d, y + 24, "D", { class: "small" }), words(x + q, y + 24, "Q", { class: "small" }),
      path(left ? `M${x + 64},${y + 47}l-11,8l11,8` : `M${x},${y + 47}l11,8l-11,8`, { class: "thin" }),
      words(x + 32, y + 46, "", { class: "value big", "text-anchor": "middle" }),
      words(x + 32, y + 64, name, { class: "small", "text-anchor": "middle" }));
  }

  // A wire, and the tag with its name and level, which comes on top of everything; `under`: who drives whom.
  wire(key, signal, d, tag) {
    const line = this.pointed(key, signal, node("g", { class: "part", "aria-hidden": "true" }, path(d, { class: "reach" }), path(d, { class: "wire", "marker-end": "url(#arrow)" })));
    this.svg.append(line);
    const [x, y, name, under] = tag, long = signal === "outside" ? 116 : 46, width = [...name].reduce((sum, c) => sum + (c > "\u2000" ? 15 : 8.4), 0) + long;
    const group = this.part(key, signal,
      node("rect", { x: x - width / 2, y: y - 16, width, height: 23, rx: 11, class: "tag" }),
      words(x - width / 2 + 10, y, name, { class: "name" }), words(x + width / 2 - 10, y, "", { class: "value", "text-anchor": "end" }));
    if (under) group.append(words(x, y + 21, under, { class: "small", "text-anchor": "middle" }));
    return group;
  }

  wires({ processor: [px, py], chipset: [cx, cy], pics: [sx, sy] }, tall) {
    const { ui } = this.texts;
    this.svg.append(node("defs", {}, node("marker", { id: "arrow", viewBox: "0 0 10 10", refX: 9, refY: 5, markerWidth: 11, markerHeight: 11, markerUnits: "userSpaceOnUse", orient: "auto-start-reverse" }, node("path", { d: "M0,0L10,5L0,10z", fill: "context-stroke" })), node("marker", { id: "small", viewBox: "0 0 10 10", refX: 9, refY: 5, markerWidth: 6, markerHeight: 6, markerUnits: "userSpaceOnUse", orient: "auto" }, node("path", { d: "M0,0L10,5L0,10z", fill: "context-stroke" }))));
    const right = px + 420, left = cx, P = ui.processor, C = ui.chipset;
    if (tall) {
      const low = py + 560;
      return [
        this.wire("ferr_n", "ferr_n", `M${right},${py + 215}h12V${low + 18}H100V${cy + 102}H${left}`, [54, cy + 84, "FERR#", `${P} →`]),
        this.wire("f0_write", "f0_write", `M${right},${py + 280}h24V${low + 34}H112V${cy + 167}H${left}`, [58, cy + 172, "OUT F0h", `${P} →`]),
        this.wire("ignne_n", "ignne_n", `M${left},${cy + 272}H8V${low + 8}H${right + 4}V${py + 385}H${right}`, [60, cy + 254, "IGNNE#", ""]),
        this.wire("outside", "outside", `M60,${cy + 318}V${cy + 274}`, [126, cy + 328, ui.another, ""]),
        this.wire("irq13", "irq13", `M${cx + 250},${cy + 67}h60V${sy - 12}H20V${sy + 58}H${sx}`, [404, cy + 100, "IRQ 13", `${C} →`]),
        this.wire("slave_int", "slave_int", `M${sx},${sy + 150}H30V${sy + 310}H${sx}`, [38, sy + 228, "INT", ""]),
        this.wire("irq", "irq", `M0,${sy + 350}H${sx}`, [42, sy + 384, "IRQ 0", ""]),
        this.wire("intr", "intr", `M${sx + 310},${sy + 310}H446V30H${px + 330}V${py}`, [404, sy - 20, "INTR", ""]),
        this.wire("inta", "inta", `M${px + 270},${py}V14H455V${sy + 60}H${sx + 310}`, [344, 18, "INTA", ""]),
      ];
    }
    const middle = (right + left) / 2;
    return [
      this.wire("ferr_n", "ferr_n", `M${right},${py + 215}H${left}`, [middle, py + 188, "FERR#", `${P} → ${C}`]),
      this.wire("f0_write", "f0_write", `M${right},${py + 280}H${left}`, [middle, py + 264, "OUT F0h", ""]),
      this.wire("ignne_n", "ignne_n", `M${left},${py + 385}H${right}`, [middle, py + 358, "IGNNE#", `${C} → ${P}`]),
      this.wire("outside", "outside", `M${middle + 25},${py + 512}V${py + 388}`, [middle + 45, py + 528, ui.another, ""]),
      this.wire("irq13", "irq13", `M${cx + 250},${cy + 67}h55V${sy + 58}H${sx}`, [cx + 305, cy + 20, "IRQ 13", ""]),
      this.wire("slave_int", "slave_int", `M${sx},${sy + 150}H${sx - 34}V${sy + 310}H${sx}`, [sx - 34, sy + 240, "INT", ""]),
      this.wire("irq", "irq", `M${sx - 90},${sy + 385}H${sx}`, [sx - 56, sy + 369, "IRQ 0", ""]),
      this.wire("intr", "intr", `M${sx + 150},${sy + 460}V${py + 578}H${px + 330}V${py + 560}`, [middle + 190, py + 582, "INTR", ""]),
      this.wire("inta", "inta", `M${px + 330},${py}V16H${sx + 200}V${sy}`, [middle + 190, 20, "INTA", ""]),
    ];
  }

  processor(stages) {
    const { ui } = this.texts;
    const group = this.block(420, 560, ui.processor);
    group.append(
      this.part("step", "step", node("rect", { x: 14, y: 36, width: 392, height: 66, rx: 6, class: "screen" }), words(26, 62, "", { class: "value now" }), words(26, 88, "", { class: "state" })),
      this.lamp("cr0", "ne", 14, 112, 92, "CR0.NE"), this.lamp("if", "if", 114, 112, 66, "IF"), this.lamp("freeze", "freeze", 188, 112, 110, this.texts.parts.freeze[0]));
    const names = ["IE", "DE", "ZE", "OE", "UE", "PE"];
    group.append(words(14, 172, this.texts.parts.flags[0], { class: "small" }), words(14, 236, this.texts.parts.masks[0], { class: "small" }));
    group.append(this.bits("flags", "flags", 14, 180, 30, names), this.bits("masks", "masks", 14, 244, 30, names.map((name) => `${name[0]}M`)));
    group.append(path("M196,196H226M196,260h16V214h14", { class: "thin" }), this.lamp("es", "es", 226, 190, 66, "ES", 40));
    group.append(path("M292,210H318", { class: "thin" }), this.lamp("ferr", "ferr", 318, 190, 88, "FERR", 50), path("M406,215H420", { class: "thin" }));
    group.append(words(412, 285, "OUT", { class: "small", "text-anchor": "end" }));
    // IGNNE# comes in on the right and goes left, through the flip-flops, the switch, and up to the freeze.
    group.append(node("rect", { x: 216 - (stages > 2 ? 66 : 0), y: 322, width: 192 + (stages > 2 ? 66 : 0), height: 132, rx: 6, class: "frame" }), words(226 - (stages > 2 ? 66 : 0), 340, this.texts.parts.sync[0], { class: "small" }));
    const gap = stages > 2 ? 80 : 96;
    for (let stage = 0; stage < stages; stage++) {
      const x = 332 - stage * gap;
      group.append(path(`M${stage ? x + gap : 420},385H${x + 64}`, { class: "thin", "marker-end": "url(#arrow)" }), this.flipFlop("sync", `stage${stage}`, x, 350, "①②③"[stage], true));
    }
    const last = 332 - (stages - 1) * gap;
    group.append(path(`M${last},385H118`, { class: "thin" }));
    group.append(this.lamp("ignne_msr", "ignne_msr", 216, 478, 190, "IGNNE MSR", 30), path("M216,493H140V425H118", { class: "thin" }));
    const gate = this.part("ignne_em", "ignne_em", node("rect", { x: 58, y: 368, width: 60, height: 74, rx: 6, class: "lamp" }), path("M118,385H104", { class: "thin" }), path("M118,425H104", { class: "thin" }), path("M70,405L104,385", { class: "lever" }), words(14, 462, "HWCR.IgnneEm", { class: "small" }), words(118, 462, "", { class: "value" }));
    group.append(gate, path("M58,405H36V330", { class: "thin", "marker-end": "url(#arrow)" }), this.lamp("ignne", "ignne", 14, 300, 140, this.texts.parts.ignne[0]));
    group.append(path("M84,300V286H206V142", { class: "thin dotted", "marker-end": "url(#arrow)" }));
    return group;
  }

  chipset() {
    const group = this.block(250, 300, this.texts.ui.chipset);
    group.append(
      path("M0,102H60M20,102V264H92V250", { class: "thin" }), path("M0,167H36M36,167H92V117M36,167V235H60", { class: "thin" }),
      path("M124,67H250M124,200H150V272H0", { class: "thin" }),
      this.flipFlop("ff1", "irq13", 60, 47, "FF1"), this.flipFlop("ff2", "ff2", 60, 180, "FF2"),
      words(98, 132, "CLR", { class: "tiny" }), words(98, 261, "CLR", { class: "tiny" }),
      words(132, 100, "FERR#↓: FF1 := 1", { class: "small" }), words(132, 118, "OUT F0h: FF1 := 0", { class: "small" }),
      words(156, 222, "OUT F0h:", { class: "small" }), words(166, 239, "FF2 := 1", { class: "small" }), words(110, 291, "FERR# = 1: FF2 := 0", { class: "small" }));
    return group;
  }

  bits(key, signal, x, y, size, names, marked = -1) {
    const group = this.part(key, signal);
    names.forEach((name, bit) => group.append(
      node("rect", { x: x + bit * size, y, width: size - 3, height: 32, rx: 3, class: `bit${bit === marked ? " marked" : ""}`, "data-bit": bit }),
      words(x + bit * size + (size - 3) / 2, y + 12, name, { class: "tiny", "text-anchor": "middle" }),
      words(x + bit * size + (size - 3) / 2, y + 27, "0", { class: "digit", "text-anchor": "middle", "data-digit": bit })));
    return group;
  }

  pics() {
    const group = node("g");
    [["slave", 0, 5], ["master", 250, 2]].forEach(([name, top, marked]) => {
      const block = this.block(310, 212, this.texts.ui[name]);
      block.setAttribute("transform", `translate(0,${top})`);
      const levels = [...Array(8).keys()].map((level) => `IR${level}`);
      ["irr", "isr", "imr"].forEach((register, row) => block.append(words(14, 62 + row * 50, register.toUpperCase(), { class: "small" }), this.bits(name, `${name}_${register}`, 52, 42 + row * 50, 31, levels, marked)));
      block.append(words(14, 200, this.texts.ui.registers, { class: "small" }));
      group.append(block);
    });
    return group;
  }

  // Every level as it stands in this cycle; `rows` are the cycles before that one press has passed, the first the one
  // in which it was pressed: what changed on the way is marked, even where it changed back.
  update(now, rows, say) {
    for (const signal in this.parts) {
      const value = valueOf(now, signal), changed = rows.some((row) => valueOf(row, signal) !== value);
      for (const group of this.parts[signal]) {
        group.dataset.level = value;
        group.classList.toggle("on", signal !== "outside" && !!value && value !== "-");
        // A driver that lets go gives its wire no level.
        group.classList.toggle("free", signal === "outside" && !!value);
        group.classList.toggle("changed", changed);
        group.setAttribute("aria-label", say(group.dataset.part, signal, value));
        const low = signal.endsWith("_n") || signal === "outside";
        group.classList.toggle("asserted", low ? !value : !!value);
        for (const text of group.querySelectorAll(".value")) text.textContent = signal === "outside" ? this.texts.ui[value ? "letsGo" : "pulls"] : value;
        for (const bit of group.querySelectorAll("[data-bit]")) bit.classList.toggle("on", !!(value >> bit.dataset.bit & 1));
        for (const digit of group.querySelectorAll("[data-digit]")) digit.textContent = value >> digit.dataset.digit & 1;
      }
    }
    const lever = this.svg.querySelector(".lever");
    if (lever) lever.setAttribute("d", now.ignne_em ? "M70,405L104,425" : "M70,405L104,385");
  }
}

// A level by the name that it has in the drawing.
function valueOf(now, signal) {
  if (signal.startsWith("stage")) return now.stages[signal.slice(5)];
  switch (signal) {
    case "step": return now.view.step;
    case "if": return now.view.if;
    case "ne": return now.cr0[0];
    case "ferr": return 1 - now.ferr_n;
  }
  return now[signal];
}
