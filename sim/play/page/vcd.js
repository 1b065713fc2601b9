// A waveform as sim/waveform/vcd_writer.py writes it, byte for byte: one scope a block, a clock of 10 ns, and the
// causes of edges in a comment where they are known.

function writeVcd(variables, cycles, rows, title, causes) {
  const record = [
    "irq13-record",
    `{"version": 1, "title": ${ascii(title)}}`,
    ...causes.map(([signal, cycle, text, because]) =>
      `[${ascii(signal)}, ${cycle}, ${ascii(text)}, [${because.map(([s, c]) => `[${ascii(s)}, ${c}]`).join(", ")}]]`),
  ].join("\n").replaceAll("$", "\\u0024") + "\n";
  const lines = ["$comment", ...record.split("\n").map((line) => `\t${line}`), "$end"];
  lines.push("$timescale 1 ns $end", "$version irq13 $end");
  const vars = [["pc", "clk", 1], ...variables].map(([scope, name, width], index) => ({
    scope, name, width, id: identifier(index + 1),
  }));
  scopes(vars, lines);
  lines.push("$enddefinitions $end", "#0", "$dumpvars");
  const text = ({ width, id }, value) => {
    if (width === 0) return `s${String(value).replaceAll(" ", "\\x20")} ${id}`;
    return width === 1 ? `${Number(value)}${id}` : `b${value.toString(2)} ${id}`;
  };
  const [clock, ...signals] = vars;
  lines.push(text(clock, 0), ...signals.map((one, at) => text(one, rows[0][at])), "$end");
  for (let cycle = 1; cycle <= cycles; cycle++) {
    lines.push(`#${cycle * 10}`, text(clock, 1));
    if (cycle < cycles) signals.forEach((one, at) => {
      if (rows[cycle][at] !== rows[cycle - 1][at]) lines.push(text(one, rows[cycle][at]));
    });
    lines.push(`#${cycle * 10 + 5}`, text(clock, 0));
  }
  return lines.join("\n") + "\n";
}

// The declarations: a scope's own variables first, then the scopes within it, by name.
function scopes(vars, lines) {
  const open = (path) => {
    lines.push(`$scope module ${path.split(".").pop()} $end`);
    for (const one of vars) {
      if (one.scope === path) lines.push(`$var ${one.width ? "wire" : "string"} ${one.width || 1} ${one.id} ${one.name} $end`);
    }
    const inner = vars.map((one) => one.scope).filter((scope) => scope.startsWith(`${path}.`))
      .map((scope) => scope.split(".").slice(0, path.split(".").length + 1).join("."));
    for (const scope of [...new Set(inner)].sort()) open(scope);
    lines.push("$upscope $end");
  };
  open("pc");
}

function identifier(number) {
  let text = "";
  while (number > 0) {
    const rest = (number - 1) % 94;
    text += String.fromCharCode(33 + rest);
    number = Math.floor((number - 1 - rest) / 94);
  }
  return text;
}

function ascii(text) {
  return JSON.stringify(text).replace(/[\u007f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
