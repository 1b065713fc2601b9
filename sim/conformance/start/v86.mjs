// Starts v86 under Node with a floppy, and writes what comes over COM1 to standard output.
// Arguments: v86's libv86.mjs, a BIOS, a VGA BIOS, the floppy.
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [library, bios, vga, floppy] = process.argv.slice(2);
console.log = console.error; // what it says of itself is not what comes over COM1
const { V86 } = await import(pathToFileURL(library));

function file(name) {
    const bytes = fs.readFileSync(name);
    return { buffer: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) };
}

const emulator = new V86({
    wasm_path: path.join(path.dirname(library), "v86.wasm"),
    bios: file(bios),
    vga_bios: file(vga),
    fda: file(floppy),
    memory_size: 32 << 20,
    vga_memory_size: 2 << 20,
    disable_speaker: true,
    fastboot: true, // no boot menu
    autostart: true,
});
emulator.add_listener("serial0-output-byte", (byte) => fs.writeSync(1, Uint8Array.of(byte)));
