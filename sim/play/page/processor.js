// The bus-functional processor of a program that is not known beforehand: what is pressed comes next. It restarts,
// acknowledges and returns as sim/cpu/cpu.py does, and a test holds it to that, cycle by cycle.
//
// An instruction is an object of sim/play/programs.py; a block is an array of them. A live block grows: at its
// end the processor does nothing, one NOP after the other, until `push`. Each handler that has no block of its
// own is a new live one.

const PUSHED = Symbol("pushed");
const NOP = { text: "-", do: "plain", drive: {}, last: false };
const FAULT_VECTORS = { "#UD": 6, "#NM": 7, "#GP": 13, "#MF": 16 };
const NMI_VECTOR = 2;
const ANSWERS = ["ready", "freeze", "window", "mf", "nm", "ud"];

class Processor {
  // `handlers`: blocks by vector, for interrupts that are not served by hand.
  constructor(handlers) {
    this.handlers = handlers;
    this.cycle = 0;
    this.events = [];
    this.nmi = this.nmiBefore = this.intr = this.held = false;
    // Every live block there was, in the order in which they began.
    this.blocks = [];
    this.begin();
    this.go();
  }

  live(name) {
    const block = [];
    block.live = true;
    block.name = name;
    this.blocks.push(block);
    return block;
  }

  // One more instruction, behind what the present block has. In a cycle in which the processor has nothing to
  // do it is presented at once. Returns the block, or null where none can be added.
  push(instruction) {
    const block = this.position.block;
    if (!block.live) return null;
    if (this.idle) {
      block.pop();
      block.push(instruction);
      this.inputs = this.thread.next(PUSHED).value;
    } else block.push(instruction);
    return block;
  }

  begin() {
    this.current = null;
    this.waiting = null;
    this.idle = this.taking = false;
    this.cr0 = { mp: 0, em: 0, ts: 0, ne: 0 };
    this.interrupts = false;
    this.nmiBlocked = this.nmiPending = false;
    this.position = { block: this.live("main"), at: 0 };
    this.frames = [];
    this.shadow = false;
  }

  // The RESET pin in this cycle: it drops what it does.
  reset() {
    this.begin();
    this.held = true;
    this.go();
  }

  // The rising edge that ends a cycle in which the machine showed `outputs`.
  clock(outputs) {
    this.cycle++;
    this.intr = !!outputs("intr");
    if (this.nmi && !this.nmiBefore) this.nmiPending = true;
    this.nmiBefore = this.nmi;
    this.inputs = this.thread.next(outputs).value;
  }

  view() {
    const last = this.frames[this.frames.length - 1];
    return {
      step: this.current ? this.current.text : "-",
      handler: last ? `${hex(last.vector, 2)}h` : "main",
      if: +this.interrupts,
      nmi: +this.nmi,
      waiting: this.waiting,
    };
  }

  go() {
    this.thread = this.run();
    this.inputs = this.thread.next().value;
  }

  drive(more) {
    const inputs = { ...more };
    for (const bit in this.cr0) if (this.cr0[bit]) inputs[`cr0_${bit}`] = 1;
    return inputs;
  }

  next(position) { return { block: position.block, at: position.at + 1 }; }

  here() { return this.position.block[this.position.at]; }

  *run() {
    if (this.held) {
      yield this.drive();
      // What came during RESET is not latched.
      this.held = this.nmiPending = false;
    }
    let fresh = true;
    for (;;) {
      if (!fresh && this.interrupted() && !this.shadow) {
        this.taking = true;
        yield* this.interrupt();
        this.taking = false;
        continue;
      }
      fresh = false;
      const shadow = this.shadow, position = this.position;
      this.shadow = false;
      if (!this.here()) {
        position.block.push(NOP);
        this.idle = true;
      }
      this.current = this.here();
      this.waiting = null;
      const over = yield* this.perform(this.current);
      this.idle = false;
      if (over === PUSHED) {
        this.shadow = shadow;
        fresh = true;
        continue;
      }
      this.waiting = null;
      if (over && this.position === position) this.position = this.next(position);
    }
  }

  *interrupt() {
    this.current = this.here() || null;
    if (this.nmiDue()) {
      this.nmiPending = false;
      yield this.drive();
      this.nmiBlocked = true;
      this.enter(NMI_VECTOR);
    } else {
      yield this.drive({ inta: 1 });
      const outputs = yield this.drive({ inta: 1 });
      // It is acknowledged: INTR falls behind the last pulse.
      this.intr = false;
      this.enter(outputs("vector"));
    }
  }

  *perform(instruction) {
    switch (instruction.do) {
      case "x87": return yield* this.x87(instruction);
      case "msr": return yield* this.msr(instruction);
      case "io": {
        const outputs = yield this.drive(instruction.drive);
        if (!instruction.drive.io_write) this.record("reads", outputs("io_read_data"));
        else if (instruction.last) this.record("executes");
        return true;
      }
    }
    if ((yield this.drive(instruction.drive)) === PUSHED) return PUSHED;
    if (instruction.last) this.record("executes");
    this.change(instruction.effect || []);
    return true;
  }

  change([what, value, level]) {
    switch (what) {
      case "cr0": this.cr0[value] = level; break;
      case "movss": this.shadow = true; break;
      // The shadow of STI lasts one instruction, and only if IF was 0.
      case "flag": this.shadow = value && !this.interrupts; this.interrupts = value; break;
      case "popf": this.interrupts = value; break;
      case "int": this.position = this.next(this.position); this.enter(value); break;
      case "iret": this.iret(); break;
    }
  }

  *x87(instruction) {
    let held = null;
    for (;;) {
      const outputs = yield this.drive(instruction.drive);
      const decision = ANSWERS.find((name) => outputs(`op_${name}`));
      if (decision === "ready") {
        if (instruction.last) this.record("executes");
        return true;
      }
      if (decision === "nm" || decision === "ud") return this.fault(`#${decision.toUpperCase()}`);
      if (decision !== held && decision !== "mf") {
        held = decision;
        this.record(decision === "freeze" ? "freezes" : "window");
      }
      // External interrupts win over #MF at the same boundary.
      if (this.interrupted()) return false;
      if (decision === "mf") return this.fault("#MF");
      this.waiting = "frozen";
    }
  }

  *msr(instruction) {
    let outputs = yield this.drive(instruction.drive);
    while (!outputs("msr_request_ready")) outputs = yield this.drive(instruction.drive);
    const accepted = this.cycle - 1;
    outputs = yield this.drive();
    while (!outputs("msr_response_valid")) outputs = yield this.drive();
    if (outputs("msr_response_fault")) return this.fault("#GP");
    const kind = instruction.drive.msr_request_write ? "executes" : "reads";
    this.events.push({ cycle: accepted, step: this.current, kind, value: Number(outputs("msr_response_data")) });
    return true;
  }

  record(kind, value = 0) {
    this.events.push({ cycle: this.cycle - 1, step: this.current, kind, value });
  }

  interrupted() { return this.nmiDue() || (this.intr && this.interrupts); }

  nmiDue() { return this.nmiPending && !this.nmiBlocked; }

  enter(vector) {
    this.record("enters", vector);
    this.frames = [...this.frames, { position: this.position, interrupts: this.interrupts, vector }];
    this.interrupts = false;
    this.position = { block: this.handlers[vector] || this.live(`${hex(vector, 2)}h`), at: 0 };
  }

  // Only #MF goes to a handler that has no block: whoever presses the buttons would come back to any other fault
  // again and again. It is recorded, and its instruction is passed over.
  fault(name) {
    this.record(name);
    const vector = FAULT_VECTORS[name];
    if (vector in this.handlers || name === "#MF") this.enter(vector);
    return true;
  }

  iret() {
    this.nmiBlocked = false;
    if (!this.frames.length) return;
    const frame = this.frames[this.frames.length - 1];
    this.frames = this.frames.slice(0, -1);
    this.position = frame.position;
    this.interrupts = frame.interrupts;
    const target = this.here() || null;
    this.events.push({ cycle: this.cycle - 1, step: target, kind: "returns", value: frame.vector });
  }
}

function hex(value, digits) { return value.toString(16).toUpperCase().padStart(digits, "0"); }
