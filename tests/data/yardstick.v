// The processor's error logic of an Intel486 and the chipset's two flip-flops, by hand, in as little Verilog as
// it takes: the yardstick for the size of what Amaranth makes of hdl/. No MSRs, no 8259A.

module yardstick(
  input clk, reset, ignne_drive_n, cr0_mp, cr0_em, cr0_ts, cr0_ne,
  input op_valid, input [4:0] op_code, input [1:0] op_family, input [6:0] op_raises,
  input [15:0] op_control, op_status, io_address, input io_write, enable_write, enable_value,
  output op_ready, op_freeze, op_window, op_mf, op_nm, op_ud, output ferr_n, output reg irq13,
  output ignne_n, ignne, output reg [6:0] flags, output reg [5:0] masks, output es, output reg ferr_enable
);
  // 0 arithmetic, 1 FWAIT, 2 MMX, 3 FLDCW, 4 FLDENV, 5 FRSTOR wait; 6 FXRSTOR, 7 XRSTOR load without waiting;
  // 15 FNSTENV, 16 FNSAVE, 17 FNINIT, 18 FNCLEX, 19 undefined.
  // 2, 6, 7, 10 FXSAVE and 11 XSAVE are opcodes that an I486 does not have.
  wire absent = op_code == 2 | op_code == 6 | op_code == 7 | op_code == 10 | op_code == 11;
  wire undefined = op_code == 19;
  wire waits = op_code < 6, loads = op_code >= 4 && op_code < 8;
  wire initialises = op_code == 16 || op_code == 17;

  reg [1:0] pin = 0;
  assign ignne = pin[1];
  assign op_nm = op_valid & ~absent & (op_code == 1 ? cr0_mp & cr0_ts : cr0_em | cr0_ts);
  assign op_ud = op_valid & (absent | (~op_nm & undefined));
  wire may_run = op_valid & ~op_nm & ~op_ud;

  wire [5:0] pending = flags[5:0] & ~masks;
  assign es = |pending;
  wire blocked = may_run & waits & es;
  assign op_mf = blocked & cr0_ne;
  assign op_freeze = blocked & ~cr0_ne & ~ignne;

  reg ferr = 0;
  assign ferr_n = ~ferr;
  reg [4:0] kind = 0;
  reg [2:0] age = 0;
  wire gated = ignne & ~cr0_ne, immediate = |kind, no_wait = may_run & ~waits, done = age == 4;
  assign op_window = no_wait & (age == 0 ? es & ~immediate & ~ferr & ~gated : ~done);
  assign op_ready = may_run & ~op_mf & ~op_freeze & ~op_window;

  wire [6:0] raised = op_code == 0 ? op_raises | {6'b0, op_raises[6]} : 0;
  wire [6:0] next_flags = loads ? op_status[6:0] : initialises | op_code == 18 ? 0 : flags | raised;
  wire [5:0] next_masks =
    loads | op_code == 3 ? op_control[5:0] : initialises | op_code == 15 ? 6'h3F : masks;
  // Immediate: a transcendental's IE and DE, a store's all but PE.
  wire [4:0] now = op_family[1] ? 5'h1F : op_family == 1 ? 5'h03 : 0;

  wire f0 = io_write & io_address == 16'h00F0;
  wire next_enable = enable_write ? enable_value : ferr_enable, stay = next_enable & ~reset;
  wire error = ferr_enable & ferr;
  reg error_before = 0, ff2 = 0;
  wire chipset_ignne_n = ~(ff2 & ferr);
  assign ignne_n = chipset_ignne_n & ignne_drive_n;

  initial begin flags = 0; masks = 0; irq13 = 0; ferr_enable = 1; end
  always @(posedge clk) begin
    pin <= {pin[0], ~ignne_n};
    ferr <= es & ~(done & no_wait) & (ferr | op_window | ((immediate | op_freeze | op_mf) & ~gated));
    age <= op_window ? age + 1 : 0;
    if (op_ready) begin
      flags <= next_flags;
      masks <= next_masks;
      kind <= loads ? 0 : (kind | (raised[4:0] & now)) & next_flags[4:0] & ~next_masks[4:0];
    end
    error_before <= error;
    irq13 <= stay & ((error & ~error_before) | (irq13 & ~f0));
    ff2 <= stay & ferr & (ff2 | f0);
    ferr_enable <= reset | next_enable;
    if (reset) begin flags <= 0; masks <= 0; kind <= 0; age <= 0; ferr <= 0; end
  end
endmodule
