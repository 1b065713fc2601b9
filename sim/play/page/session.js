// What has been done so far, and what came of it. All of it follows from the actions, each in its cycle: going
// back is doing them again up to a cycle, and a link holds nothing else.

const MOST_CYCLES = 10000;
const PINS = { ignne_n: 1, reset: 0, nmi: 0, irq: 0 };
const SYNC = "processor.ignne_synchroniser.stage";
const SHOWN = [
  "ferr_n", "irq13", "slave_int", "intr", "ignne_n", "chipset_ignne_n", "ignne", "es", "flags", "masks", "ignne_em", "ignne_msr",
  "ferr_enable", "slave_irr", "slave_isr", "slave_imr", "master_irr", "master_isr", "master_imr", "vector",
];
const TRACED = ["ferr_n", "irq13", "slave_int", "intr", "inta", "f0_write", "ignne_n", "ignne", "es", "freeze", "ignne_em", "ignne_msr"];

class Session {
  // `data` as page.py makes it; `recording` is one of its scenarios, or null for a processor that is pressed.
  constructor(data, machine, { recording = null, handlers = {}, setup = [] } = {}) {
    Object.assign(this, { data, machine, recording, handlers, setup });
    this.stages = Object.keys(machine.registers).filter((name) => name.startsWith(SYNC)).sort();
    this.shown = SHOWN.map((name) => [name, machine.outputs[name]]);
    this.actions = setup.map((id) => [0, "press", id]);
    this.replay(0);
  }

  replay(cycle) {
    const { actions } = this;
    this.pc = new Pc(this.machine, this.data.signals);
    this.cpu = this.recording ? null : new Processor(this.handlers);
    this.cycle = 0;
    this.pins = { ...PINS };
    this.pressed = 0;
    this.rows = [];
    this.memo = {};
    this.actions = [];
    this.at = 0;
    const later = [...actions];
    for (;;) {
      while (later.length && later[0][0] <= this.cycle) this.apply(...later.shift().slice(1));
      if (this.cycle >= cycle) break;
      this.tick();
    }
    this.settle();
  }

  // Until the processor has done what it was set up with, or is frozen.
  prepare() {
    while (!this.cpu.idle && !this.cpu.waiting) this.tick();
    this.settle();
    this.start = this.cycle;
  }

  apply(what, name, level) {
    this.actions.push([this.cycle, what, name, level]);
    if (what === "pin") this.pins[name] = level;
    else for (const one of this.data.steps[name]) this.cpu.push({ ...one, id: name });
    if (this.cpu) this.cpu.nmi = !!this.pins.nmi;
  }

  press(id) {
    this.apply("press", id);
    this.settle();
  }

  pin(name, level) {
    this.apply("pin", name, level);
    this.settle();
  }

  // Instructions that wait behind the present one.
  queued() {
    const { position, idle } = this.cpu;
    return idle ? 0 : position.block.length - position.at - 1 + (this.cpu.taking ? 1 : 0);
  }

  wanted() {
    if (this.recording) return this.recorded().inputs;
    const wanted = { ...this.cpu.inputs }, { pins } = this;
    if (!pins.ignne_n) wanted.ignne_drive_n = 0;
    if (pins.reset) wanted.reset = 1;
    if (pins.irq) wanted.irq = pins.irq;
    return wanted;
  }

  recorded() {
    const { inputs, views } = this.recording;
    while (this.at + 1 < inputs.length && inputs[this.at + 1][0] <= this.cycle) this.at++;
    const view = {};
    for (const name in views) {
      for (const [cycle, value] of views[name]) if (cycle <= this.cycle) view[name] = value;
    }
    return { inputs: inputs[this.at][1], view };
  }

  view() { return this.recording ? this.recorded().view : this.cpu.view(); }

  // The clock stands still: outputs and levels of the present cycle.
  settle() {
    if (this.cpu && this.pins.reset && !this.cpu.held) this.cpu.reset();
    this.look();
    this.pc.settle(this.wanted());
    this.now = this.levels();
  }

  tick() {
    if (this.cpu && this.pins.reset) this.cpu.reset();
    this.look();
    this.pc.step(this.wanted());
    const now = this.levels();
    if (this.seen) this.seen(now.view);
    this.rows.push(now);
    if (this.watch) this.watch(now, this.rows[this.rows.length - 2], this.memo);
    if (this.cpu) this.cpu.clock(this.pc.output);
    this.cycle++;
  }

  // Every signal of a waveform, cycle by cycle: all that was done, once more.
  waveform() {
    const again = new Session(this.data, this.machine, this), rows = [];
    again.seen = (view) => rows.push(this.data.variables.map(([, name]) => again.pc.signal(name, view)));
    again.actions = [...this.actions];
    again.replay(this.cycle);
    // The netlist is one: it stands as it stood.
    this.replay(this.cycle);
    return rows;
  }

  // Flip-flops that no port shows, before the edge.
  look() {
    const stages = this.stages.map((name) => this.pc.register(name));
    this.inner = { stages, ff2: this.pc.register("chipset.ff2") };
  }

  // Step and look.
  step() {
    this.tick();
    this.settle();
  }

  get last() { return this.recording ? this.recording.cycles - 1 : MOST_CYCLES; }
  get over() { return this.cycle >= this.last; }

  levels() {
    const { pc } = this, view = this.view(), o = pc.output;
    const now = { view, ...this.inner, freeze: o("op_freeze"), window: o("op_window"), ready: o("op_ready") };
    for (const [name, positions] of this.shown) now[name] = positions.length === 1 ? this.machine.o[positions[0]] & 1 : read(this.machine.o, positions);
    now.inta = pc.input("inta");
    now.op = pc.input("op_valid") ? pc.input("op_code") : -1;
    now.f0_write = pc.signal("f0_write", view);
    now.outside = pc.input("ignne_drive_n");
    now.irq = pc.input("irq") & 1;
    now.cr0 = ["ne", "em", "ts", "mp"].map((bit) => pc.input(`cr0_${bit}`));
    return now;
  }
}
