// The eight screens: what each begins with, and how the page knows that its task is done. The words are in
// texts.json, `words` those that it uses for the first time. `done(now, before, memo)` is asked in every cycle from the beginning of the screen; `memo` keeps
// what it has seen.

const ARITHMETIC = 0, FWAIT = 1;
const underError = (now) => now.es && now.ready && (now.op === ARITHMETIC || now.op === FWAIT);
const LESSONS = [
  { generation: "P6", setup: ["bios", "fninit", "unmask"], buttons: ["fdiv"], pins: [], words: ["FERR#"], done: (now) => !now.ferr_n },
  { generation: "P6", setup: ["fninit"], buttons: [], pins: ["ignne_n"], done: (now) => !now.ignne_n && now.ignne },
  {
    generation: "P6", setup: ["fninit"], buttons: [], pins: ["ignne_n"], stages: true,
    done: (now, before, memo) => {
      if (now.ignne) memo.in = true;
      return memo.in && !now.ignne;
    },
  },
  { generation: "P6", setup: ["fninit", "unmask"], buttons: ["fdiv", "fst", "fwait", "fnclex"], pins: [], done: (now) => now.freeze },
  {
    generation: "I486", setup: ["bios", "sti", "fninit", "unmask", "fdiv", "fst"],
    buttons: ["f0", "fnclex", "eois", "eoim", "iret", "fst"], pins: [], words: ["8259A", "FF1, FF2", "EOI", "IRET"],
    done: (now, before, memo) => {
      if (now.freeze) memo.frozen = true;
      if (memo.frozen && now.f0_write && !now.ferr_n) memo.f0 = true;
      if (memo.f0 && now.ready && now.op === ARITHMETIC && now.view.handler === "main" && !now.es) memo.went = true;
      return memo.went && now.op < 0 && now.ferr_n && now.ignne_n && !now.irq13 && !now.slave_isr && !now.master_isr;
    },
  },
  {
    generation: "P6", setup: ["bios", "fninit", "unmask", "fdiv", "fst"], buttons: ["fst", "fwait"], pins: ["ignne_n"],
    done: underError,
  },
  {
    generation: "AMD64", setup: ["fninit", "unmask"], buttons: ["em1", "em0", "msr1", "msr0", "fdiv", "fst", "fnclex"], pins: [], words: ["MSR", "WRMSR", "HWCR", "IGNNE MSR"],
    done: (now) => now.ignne_em && now.ignne_n && now.ignne && underError(now),
  },
  {
    generation: "AMD64", setup: ["bios", "em1", "sti", "fninit", "unmask", "fdiv", "fst"],
    buttons: ["msr1", "msr0", "f0", "fst", "fnclex", "eois", "eoim", "iret"], pins: [], words: ["MSR", "WRMSR", "EOI"],
    done: (now, before, memo) => {
      const inHandler = now.view.handler === "75h";
      if (now.f0_write) memo.wrong = true;
      if (now.ignne_msr && inHandler && underError(now)) memo.used = true;
      if (memo.used && !now.es) memo.cleared = true;
      return !memo.wrong && memo.cleared && !now.ignne_msr;
    },
  },
];
