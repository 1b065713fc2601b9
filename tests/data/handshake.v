// A request and acknowledge handshake, with unknown values before reset and a bus: what Icarus makes of it
// is handshake.vcd (iverilog -o h handshake.v && vvp h).
`timescale 1ns / 100ps

module slave (input clk, input req, output reg ack, output reg [3:0] count);
    always @(posedge clk) begin
        ack <= req;
        if (req & ~ack) count <= count + 1;
    end
endmodule

module tb;
    reg clk = 0, req;
    wire ack;
    wire [3:0] count;

    slave dut (.clk(clk), .req(req), .ack(ack), .count(count));

    always #5 clk = ~clk;

    initial begin
        $dumpfile("handshake.vcd");
        $dumpvars(0, tb);
        #12 req = 0;
        dut.count = 0;
        #20 req = 1;
        #30 req = 0;
        #20 req = 1;
        #10 req = 0;
        #40 $finish;
    end
endmodule
