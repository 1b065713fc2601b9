// The waveform so far, the present cycle last: one row a signal, with arrows from cause to effect.

const STRIP = { label: 92, row: 22, cell: 18 };
const STRIP_NAMES = { ferr_n: "FERR#", irq13: "IRQ 13", slave_int: "INT", intr: "INTR", inta: "INTA", f0_write: "OUT F0h", ignne_n: "IGNNE#", ignne: "IGNNE", es: "ES", freeze: "freeze", ignne_em: "IgnneEm", ignne_msr: "IGNNE MSR" };

// `because(cycle, name)` gives the edges that an edge follows from.
function drawStrip(svg, rows, width, because, names) {
  const { label, row, cell } = STRIP;
  const room = Math.max(Math.floor((width - label - 8) / cell), 8), first = Math.max(rows.length - room, 0);
  const shown = rows.slice(first), height = TRACED.length * row + 24;
  svg.replaceChildren();
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("height", height);
  const x = (cycle) => label + (cycle - first) * cell, y = (index) => 20 + index * row;
  for (let cycle = first; cycle < rows.length; cycle++) {
    if (cycle % 5 === 0) svg.append(words(x(cycle) + 2, 12, cycle, { class: "tiny" }), path(`M${x(cycle)},16V${height}`, { class: "grid" }));
  }
  svg.append(node("rect", { x: x(rows.length - 1), y: 15, width: cell, height, class: "present" }));
  TRACED.forEach((name, index) => {
    const top = y(index) + 3, bottom = y(index) + row - 4;
    svg.append(words(4, bottom - 2, names[name] || STRIP_NAMES[name], { class: "small" }));
    let line = "", before = null;
    shown.forEach((now, at) => {
      const level = now[name] ? top : bottom;
      line += before === null ? `M${x(first + at)},${level}` : before === level ? "" : `V${level}`;
      line += `H${x(first + at) + cell}`;
      before = level;
    });
    svg.append(path(line, { class: "trace" }));
  });
  TRACED.forEach((name, index) => {
    for (let cycle = Math.max(first + 1, 1); cycle < rows.length; cycle++) {
      if (rows[cycle][name] === rows[cycle - 1][name]) continue;
      for (const [signal, from] of because(cycle, name)) {
        const other = TRACED.indexOf(signal);
        if (other < 0 || from < first || signal === name) continue;
        const a = [x(from), y(other) + row / 2], b = [x(cycle), y(index) + row / 2], bend = Math.max((b[0] - a[0]) / 2, 7);
        svg.append(path(`M${a}C${a[0] + bend},${a[1]} ${b[0] - bend},${b[1]} ${b}`, { class: "cause", "marker-end": "url(#small)" }));
      }
    }
  });
}
