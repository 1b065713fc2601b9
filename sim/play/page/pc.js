// The PC: a netlist with its ports by name.

// Levels as they are when nobody drives.
const IDLE = { ignne_drive_n: 1, msr_response_ready: 1 };

class Pc {
  // `machine` as of sim/lanes/js_source.py; `signals` as of programs.py.
  constructor(machine, signals) {
    this.machine = machine;
    this.signals = signals;
    machine.q.set(machine.init);
    machine.i.fill(0);
    this.driven = {};
    this.saved = new Int32Array(machine.q.length);
    this.output = (name) => read(machine.o, machine.outputs[name]);
    for (const name in IDLE) this.set(name, IDLE[name]);
  }

  // A level: a number, or text such as "0x1F" where that is too short.
  set(name, value) {
    const planes = this.machine.inputs[name], { i } = this.machine;
    const wide = typeof value === "string" || planes.length > 31 ? BigInt(value) : null;
    for (let bit = 0; bit < planes.length; bit++) {
      i[planes[bit]] = -(wide === null ? value >> bit & 1 : Number(wide >> BigInt(bit) & 1n));
    }
  }

  input(name) { return read(this.machine.i, this.machine.inputs[name]); }

  register(name) {
    const bits = this.machine.registers[name];
    let value = this.machine.fixed[name] || 0;
    for (const bit in bits) value |= (this.machine.q[bits[bit]] & 1) << bit;
    return value;
  }

  // What is driven in this cycle, by port; all else is idle.
  drive(wanted) {
    const { driven } = this;
    for (const name in driven) if (!(name in wanted)) this.set(name, IDLE[name] || 0);
    for (const name in wanted) if (driven[name] !== wanted[name]) this.set(name, wanted[name]);
    this.driven = wanted;
  }

  // The settled outputs of this cycle; the clock stands still.
  settle(wanted) {
    this.drive(wanted);
    this.saved.set(this.machine.q);
    this.machine.step();
    this.machine.q.set(this.saved);
  }

  // The same, and the rising edge that ends the cycle.
  step(wanted) {
    this.drive(wanted);
    this.machine.step();
  }

  // A signal as waveforms have it, in the cycle whose outputs are settled; `view` is what the processor shows.
  signal(name, view) {
    const [kind, port, more] = this.signals[name];
    switch (kind) {
      case "output": return more === null ? this.output(port) : this.output(port) >> more & 1;
      case "input": return this.input(port);
      case "view": return view[port] || 0;
      case "response": {
        const value = this.output(port);
        if (this.output("msr_response_valid")) return value;
        return typeof value === "bigint" ? 0n : 0;
      }
      case "waiting": return +(view.waiting === port);
      case "operation": return this.input("op_valid") ? more[this.input("op_code")] : "-";
      case "family": return this.input("op_valid") && this.input("op_raises") ? more[this.input("op_family")] : "-";
      case "access": return +(this.input("io_write") && this.input("io_address") === more);
    }
    throw new Error(`no signal ${name}`);
  }
}

// A word of planes as a number; as a BigInt where it has more than 32 bits.
function read(planes, positions) {
  if (positions.length > 32) {
    let wide = 0n;
    for (let bit = positions.length - 1; bit >= 0; bit--) wide = wide << 1n | BigInt(planes[positions[bit]] & 1);
    return wide;
  }
  let value = 0;
  for (let bit = 0; bit < positions.length; bit++) value |= (planes[positions[bit]] & 1) << bit;
  return value >>> 0;
}
