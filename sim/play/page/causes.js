// Why an edge happened, for a processor that is pressed: the rules of the cycle contract that lead from wire to
// wire. Each gives the edges that it may follow from: signal, level, and cycles before. A test holds them to the
// causes that a run records (sim/waveform/causes): each edge that is named here is one that those lead back to.

const CAUSES = {
  "es=1": [["step", null, 1]], "es=0": [["step", null, 1]],
  "ferr_n=0": [["freeze", 1, 1], ["es", 1, 1]], "ferr_n=1": [["es", 0, 1]],
  "irq13=1": [["ferr_n", 0, 1]], "irq13=0": [["f0_write", 1, 1]],
  "slave_int=1": [["irq13", 1, 1]],
  "intr=1": [["slave_int", 1, 1]],
  "ignne_n=0": [["f0_write", 1, 1]], "ignne_n=1": [["ferr_n", 1, 0]],
  "freeze=0": [["inta", 1, 0], ["ignne", 1, 0]],
};

// The edges that the edge of a signal in a cycle follows from; `rows` are the levels by cycle, `deferred` whether the
// processor may report an error only when it freezes.
function causesOf(rows, cycle, name, stages, deferred) {
  const rules = CAUSES[`${name}=${rows[cycle][name]}`] || [];
  const found = rules.filter(([signal, level, before]) => (deferred || signal !== "freeze") && edge(rows, cycle - before, signal) && (level === null || rows[cycle - before][signal] === level))
    .map(([signal, , before]) => [signal, cycle - before]).slice(0, 1);
  if (name === "ignne" && rows[cycle].ignne_em === 0 && edge(rows, cycle - stages, "ignne_n")) found.push(["ignne_n", cycle - stages]);
  return found;
}

function edge(rows, cycle, name) {
  if (cycle < 1 || cycle >= rows.length) return false;
  if (name === "step") return rows[cycle].view.step !== rows[cycle - 1].view.step;
  return rows[cycle][name] !== rows[cycle - 1][name];
}
