// Reads irq13's test vectors: copy this into your project. Node 12, nothing to install.
//
//     const { load } = require("./load_vectors.js");
//     for (const one of load("handshake.json.gz")) {
//         const pc = new MyPc(one.parameters, one.initial); // or run one.setup from power-up
//         one.steps.forEach((inputs, at) => assert.deepEqual(pc.step(inputs), one.cycles[at], one.name));
//         assert.deepEqual(pc.state(), one.final, one.hash);
//     }
"use strict";

const fs = require("fs");
const zlib = require("zlib");

// Numbers above 2^53, of 64-bit MSRs alone, would lose their low bits: they come as BigInt.
function parse(text) {
    const exact = digits => Number.isSafeInteger(Number(digits)) ? Number(digits) : BigInt(digits);
    return JSON.parse(text.replace(/([:[,])(\d{16,})(?=[,\]}])/g, '$1"#$2"'), (_, value) =>
        typeof value === "string" && /^#\d+$/.test(value) ? exact(value.slice(1)) : value);
}

// A state with its changes.
function merged(before, after) {
    const inner = ([name, value]) =>
        [name, value && typeof value === "object" && !Array.isArray(value) ? merged(before[name], value) : value];
    return { ...before, ...Object.fromEntries(Object.entries(after).map(inner)) };
}

// Each case, with the inputs of every cycle complete, its signals by name, and every register at the end.
function* load(path) {
    const document = parse(zlib.gunzipSync(fs.readFileSync(path)).toString("utf8"));
    if (document.format !== "irq13-vectors" || document.version !== 3) throw new Error(`${path}: not irq13-vectors 3`);
    const whole = inputs => ({ ...document.idle, ...inputs });
    const named = row => Object.fromEntries(row.map((level, at) => [document.signals[at], level]));
    for (const one of document.cases)
        yield {
            ...one, setup: one.setup.map(whole), steps: one.steps.map(whole), cycles: one.cycles.map(named),
            final: merged(one.initial, one.final),
        };
}

module.exports = { load };

if (require.main === module)
    for (const path of process.argv.slice(2)) {
        let cases = 0, cycles = 0;
        for (const one of load(path)) {
            cases++;
            for (const now of one.cycles) {
                cycles++;
                // The one rule that needs no emulator: ES is any unmasked flag (SDM1 8.1.3.3).
                if (now.es !== Number((now.flags & ~now.masks & 0x3F) !== 0)) throw new Error(one.name);
            }
        }
        console.log(`${path}: ${cases} cases, ${cycles} cycles`);
    }
