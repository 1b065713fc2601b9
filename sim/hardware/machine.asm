; The DOS handler of an x87 error, as a boot sector: it sets the 8259As up, divides by zero, waits, and sends what it
; saw to COM1, a byte each: how often the handler ran, the status word in the handler (two bytes), the status
; word after it (two), the control word (two), what comes back in AX from under the handler (two), where the
; handler returned to (two): to WAIT, which has not executed.
bits 16
org 7C00h

%macro send 1
%%wait:
    mov dx, 3FDh
    in al, dx
    test al, 20h
    jz %%wait
    mov dx, 3F8h
    mov al, [%1]
    out dx, al
%endmacro
%macro send_word 1
    send %1
    send %1 + 1
%endmacro
%macro write_port 2
    mov al, %2
    out %1, al
%endmacro

    cli
    mov ax, 0
    mov ds, ax
    mov ss, ax
    mov sp, 7A00h
    write_port 20h, 11h
    write_port 21h, 08h
    write_port 21h, 04h
    write_port 21h, 01h
    write_port 0A0h, 11h
    write_port 0A1h, 70h
    write_port 0A1h, 02h
    write_port 0A1h, 01h
    write_port 21h, 0FBh            ; only the cascade
    write_port 0A1h, 0DFh           ; and IRQ 13
    mov dx, 3FBh                    ; COM1: eight bits
    mov al, 3
    out dx, al
    mov word [75h * 4], handler
    mov word [75h * 4 + 2], 0
    mov word [count], 0
    fninit
    fldcw [unmasked]
    sti
    mov ax, 1234h
    fld1
    fldz
    fdivp                           ; ZE
    wait                            ; frozen here, until the handler has been
    mov [kept], ax
    fnstsw ax
    and ax, 80FFh
    mov [after], ax
    fnstcw [control]
    send count
    send_word seen
    send_word after
    send_word control
    send_word kept
    send_word back
    write_port 0F4h, 0              ; ends QEMU
    cli
stop:
    hlt
    jmp stop

handler:
    pop bx                          ; nobody else uses BX
    push bx
    push ax
    push bx
    pop ax
    mov [back], ax
    fnstsw ax
    and ax, 80FFh
    mov [seen], ax
    write_port 0F0h, 0
    fnclex
    write_port 0A0h, 20h
    write_port 20h, 20h
    mov ax, [count]
    inc ax
    mov [count], ax
    pop ax
    iret

unmasked: dw 037Bh
count: dw 0
seen: dw 0
after: dw 0
control: dw 0
kept: dw 0
back: dw 0
    times 510 - ($ - $$) db 0
    dw 0AA55h
