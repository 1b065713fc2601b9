; A bootable floppy: runs the cases of irq13 on whatever PC it is booted on, in real and in protected mode, and
; logs to the screen, to COM1 (115200 8N1) and to port E9h. For a 386 or later with an x87 (486 for FERR#).
;
; Memory: code and data from 7C00h up to 64 KB, so that offsets are the same in both modes; the log behind it.

cpu 586
bits 16
org 7C00h

LOG equ 600h                            ; lines of 4 bytes: value, kind
LOG_MOST equ 64
STACK16 equ 7B00h
STACK32 equ 7000h
TICKS equ 6                             ; of 55 ms, after which a case is given up
MASTER equ 20h
SLAVE equ 0A0h
PIC_BASE equ 20h                        ; vectors of the master: not those of exceptions

boot:   jmp 0:.here
.here:  cli
        xor ax, ax
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov esp, STACK16
        mov [drive], dl
        sti
        mov di, 1                       ; the sector
        mov bx, 7E00h
.read:  mov ax, di                      ; 18 sectors a track, two heads
        xor dx, dx
        mov cx, 18
        div cx
        mov cl, dl
        inc cl
        mov dh, al
        and dh, 1
        shr ax, 1
        mov ch, al
        mov si, 5
.again: mov dl, [drive]
        mov ax, 0201h
        int 13h
        jnc .next
        xor ah, ah
        int 13h
        dec si
        jnz .again
        mov si, cannot
.say:   lodsb
        or al, al
        jz $
        mov ah, 0Eh
        int 10h
        jmp .say
.next:  add bx, 512
        inc di
        cmp di, SECTORS
        jb .read
        jmp main
cannot: db "irq13: cannot read the disk", 0
drive:  db 0
        times 1FEh - ($ - $$) db 0
        dw 0AA55h

        db "IRQ13START"                 ; what a host may change
first_case: dw 0
end_case: dw CASES                      ; the one behind the last
modes:  dw 3                            ; 1 real, 2 protected

main:   mov dx, 3F8h + 3
        mov al, 80h
        out dx, al
        mov dx, 3F8h
        mov al, 1
        out dx, al
        inc dx
        mov al, 0
        out dx, al
        mov dx, 3F8h + 3
        mov al, 3
        out dx, al
        mov al, 0Ch                     ; the floppy's motor
        mov dx, 3F2h
        out dx, al
        mov ax, 3
        int 10h
        cli
        call detect
        call vectors
        mov si, hello
        call print
        mov si, [generation]
        shl si, 1
        mov si, [generation_names + si]
        call print
        cmp byte [is_amd], 0
        je .plain
        mov si, amd_text
        call print
.plain: call newline
        mov ax, [first_case]
        mov [number], ax
.case:  mov ax, [number]
        cmp ax, [end_case]
        jae .done
        mov byte [mode], 0
        test byte [modes], 1
        jz .second
        call one_case
.second:
        mov byte [mode], 1
        test byte [modes], 2
        jz .both
        call one_case
.both:
        inc word [number]
        jmp .case
.done:  mov si, done_text
        call print
        mov ax, [passed]
        call decimal
        mov si, passed_text
        call print
        mov ax, [failed]
        call decimal
        mov si, failed_text
        call print
        mov ax, [skipped]
        call decimal
        mov si, skipped_text
        call print
.halt:  hlt
        jmp .halt

; One case in one mode, and its line.
one_case:
        mov si, case_text
        call print
        mov ax, [number]
        call decimal
        mov al, ' '
        call putc
        mov al, 'r'
        cmp byte [mode], 0
        je .real
        mov al, 'p'
.real:  call putc
        mov al, ' '
        call putc
        mov bx, [number]
        shl bx, 4
        add bx, table                   ; name, flags, real, protected, handlers, expected
        mov [case], bx
        mov si, [bx]
        call print
        test word [bx + 2], 1
        jz .run
        cmp byte [is_amd], 0
        jne .run
        inc word [skipped]
        mov si, skip_text
        jmp print
.run:   call quiet
        mov word [log_at], LOG
        mov byte [ticks], 0
        mov byte [running], 1
        cmp byte [mode], 0
        jne one_protected
        mov ax, [bx + 4]
        mov [begin], ax
        mov [base], ax
        mov ax, [bx + 8]
        mov [offsets], ax
        call start_pics
        mov [back], sp
        call [begin]
case_over:
        cli
        mov sp, [back]
        jmp ended
one_protected:
        mov ax, [bx + 6]
        mov [begin], ax
        mov [base], ax
        mov ax, [bx + 10]
        mov [offsets], ax
        call start_pics
        call protected
ended:  mov byte [running], 0
        call quiet
        mov si, colon
        call print
        ; The log, and whether it is what the reference has.
        mov bx, [case]
        mov di, [generation]
        shl di, 1
        mov si, [bx + 12]
        add si, di
        mov si, [si]                    ; number of lines, then the lines
        mov cx, [log_at]
        sub cx, LOG
        shr cx, 2
        mov di, LOG
        mov byte [differs], 0
        cmp [si], cx
        je .compare
        mov byte [differs], 1
.compare:
        add si, 2
        jcxz .verdict
.line:  mov eax, [di]
        cmp byte [differs], 0
        jne .show
        cmp eax, [si]
        je .show
        mov byte [differs], 1
.show:  push si
        push eax
        mov al, ' '
        call putc
        pop eax
        call hex32
        pop si
        add di, 4
        add si, 4
        loop .line
.verdict:
        mov si, same_text
        inc word [passed]
        cmp byte [differs], 0
        je print
        dec word [passed]
        inc word [failed]
        mov si, other_text
        jmp print

; Everything as it was before: no error, no interrupt, no task switch flag.
quiet:  cli
        mov eax, cr0
        and eax, 0FFFFFFD1h             ; NE, TS, EM, MP
        mov cr0, eax
        fninit
        call settle
        ; Only what is latched: a write without an error is a case of its own.
        mov al, 0Ah
        out SLAVE, al
        in al, SLAVE
        test al, 20h
        jz .end
        out 0F0h, al
.end:   ret

; Long enough for a line to change: each access to port 80h takes a microsecond or so.
settle: mov cx, 100
.wait:  in al, 80h
        loop .wait
        ret

; Both 8259As from nothing, so that none has anything in service; IRQ 0, the cascade and IRQ 13 open.
start_pics:
        mov al, 11h
        out MASTER, al
        out SLAVE, al
        mov al, PIC_BASE
        out MASTER + 1, al
        mov al, 70h
        out SLAVE + 1, al
        mov al, 4
        out MASTER + 1, al
        mov al, 2
        out SLAVE + 1, al
        mov al, 1
        out MASTER + 1, al
        out SLAVE + 1, al
        mov al, 0FAh
        out MASTER + 1, al
        mov al, 0DFh
        out SLAVE + 1, al
        ret

; Into protected mode, through the case, and back.
protected:
        mov [back], sp
        lgdt [gdt_pointer]
        lidt [idt_pointer]
        mov eax, cr0
        or al, 1
        mov cr0, eax
        jmp 8:.in
bits 32
.in:    mov ax, 10h
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov esp, STACK32
        movzx eax, word [begin]
        call eax
case_over32:
        cli
        jmp 18h:.out
bits 16
.out:   mov ax, 20h
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov eax, cr0
        and al, 0FEh
        mov cr0, eax
        jmp 0:.real
.real:  xor ax, ax
        mov ds, ax
        mov es, ax
        mov ss, ax
        movzx esp, word [back]
        lidt [real_idt]
        ret

; What processor: 0 Intel486 and Pentium, 1 P6, 2 AMD64; and whether it has AMD's MSRs.
detect: pushfd
        pop eax
        mov ecx, eax
        xor eax, 200000h
        push eax
        popfd
        pushfd
        pop eax
        push ecx
        popfd
        xor eax, ecx
        test eax, 200000h
        jz .done                        ; no CPUID
        xor eax, eax
        cpuid
        push ebx
        mov eax, 1
        cpuid
        pop ebx
        mov cl, ah
        and cl, 0Fh
        cmp cl, 6
        jb .done
        mov word [generation], 1
        cmp ebx, "Auth"
        jne .done
        cmp cl, 0Fh
        jne .done
        mov word [generation], 2
        mov byte [is_amd], 1
.done:  ret

; The vectors of real mode, and their twins in the IDT.
vectors:
        mov di, 0
        mov cx, 256
.all:   mov word [di], stray16
        mov word [di + 2], 0
        add di, 4
        loop .all
%macro vector 2
        mov word [%1 * 4], %2_16
        mov word [idt + %1 * 8], %2_32
%endmacro
        mov di, idt
        mov cx, 256
.idt:   mov word [di], stray32
        mov word [di + 2], 8
        mov word [di + 4], 8E00h
        mov word [di + 6], 0
        add di, 8
        loop .idt
        vector 6, undefined
        vector 7, unavailable
        vector 13, protection
        vector 16, fault
        vector PIC_BASE, timer
        vector 75h, error
        ret

print:  lodsb
        or al, al
        jz .end
        call putc
        jmp print
.end:   ret

newline:
        mov al, 10
putc:   pusha
        mov bl, al
        out 0E9h, al
        mov cx, 0FFFFh                  ; no longer than that for COM1, if there is one
        mov dx, 3F8h + 5
.wait:  in al, dx
        test al, 20h
        loopz .wait
        mov al, bl
        mov dx, 3F8h
        out dx, al
        push es
        mov ax, 0B800h
        mov es, ax
        mov di, [cursor]
        cmp bl, 10
        je .line
        mov bh, 7
        mov [es:di], bx
        add di, 2
        jmp .scroll
.line:  mov ax, di
        mov cx, 160
        xor dx, dx
        div cx
        inc ax
        mul cx
        mov di, ax
.scroll: cmp di, 25 * 160
        jb .keep
        push ds
        mov ax, 0B800h
        mov ds, ax
        mov si, 160
        xor di, di
        mov cx, 24 * 80
        cld
        rep movsw
        mov ax, 0720h
        mov cx, 80
        rep stosw
        pop ds
        mov di, 24 * 160
.keep:  mov [cursor], di
        pop es
        popa
        ret

decimal:
        pusha
        mov cx, 0
        mov bx, 10
.next:  xor dx, dx
        div bx
        push dx
        inc cx
        or ax, ax
        jnz .next
.out:   pop ax
        add al, '0'
        call putc
        loop .out
        popa
        ret

hex32:  pushad
        mov cx, 8
.next:  rol eax, 4
        push eax
        and al, 0Fh
        add al, '0'
        cmp al, '9'
        jbe .out
        add al, 'a' - '0' - 10
.out:   call putc
        pop eax
        loop .next
        popad
        ret

; Offsets in the list of a case's handlers.
%define HANDLER16 0
%define HANDLER32 2
%define FAULT16 4
%define FAULT32 6

; The same in both modes: %1 is 16 or 32.
%macro go16 0
        call ax
%endmacro
%macro go32 0
        call eax
%endmacro
%macro services 1
bits %1

; A line for the log: kind and value in EAX. Interrupts are off meanwhile.
log%1:  pushfd
        cli
        push edi
        movzx edi, word [log_at]
        cmp edi, LOG + 4 * LOG_MOST
        jae .full
        mov [edi], eax
        add word [log_at], 4
.full:  pop edi
        popfd
        ret

; Kind in EAX's high half; address in EDX: which operation of the case that is goes to the log.
log_index%1:
        push ebx
        push ecx
        movzx ebx, word [offsets]
        mov ecx, 0FFh                   ; before the first one
.next:  mov ax, [ebx]
        cmp ax, 0FFFFh
        je .end
        cmp dx, ax
        jb .end
        movzx ecx, word [ebx + 2]
        add ebx, 4
        jmp .next
.end:   mov ax, cx
        call log%1
        pop ecx
        pop ebx
        ret

; Interrupt 75h: the error, as the case handles it.
error_%1:
        pushad
        cmp byte [running], 0
        je .end
        call address%1
        mov eax, 5 << 16
        call log_index%1
        movzx ebx, word [case]
        movzx eax, word [ebx + 14]
        movzx eax, word [eax + HANDLER%1]
        go%1
.end:   popad
        iret

; #MF.
fault_%1:
        pushad
        call address%1
        mov eax, 6 << 16
        call log_index%1
        movzx ebx, word [case]
        movzx eax, word [ebx + 14]
        movzx eax, word [eax + FAULT%1]
        go%1
        popad
        iret

; #NM: TS and EM go.
unavailable_%1:
        pushad
        call address%1
        mov eax, 7 << 16
        call log_index%1
        mov eax, cr0
        and al, 0F3h
        mov cr0, eax
        popad
        iret

; #UD and #GP(0): passed over, two bytes.
undefined_%1:
        pushad
        call address%1
        mov eax, 8 << 16
        call log_index%1
        add word [esp + 32], 2
        popad
        iret
protection_%1:
%if %1 = 32
        add esp, 4
%endif
        pushad
        call address%1
        mov eax, 9 << 16
        call log_index%1
        mov byte [faulted], 1
        add word [esp + 32], 2
        popad
        iret

; The timer: nothing, until a case has taken too long.
timer_%1:
        pushad
        mov al, 60h                     ; the end of IRQ 0 and of nothing else
        out MASTER, al
        cmp byte [running], 0
        je .end
        inc byte [ticks]
        cmp byte [ticks], TICKS
        jb .end
        call address%1
        mov eax, 11 << 16
        call log_index%1
%if %1 = 16
        jmp case_over
%else
        jmp case_over32
%endif
.end:   popad
        iret

stray%1:
%if %1 = 16
        iret
%else
        iretd
%endif

; The address that an interrupt returns to, into EDX; it stands behind eight registers and our own return.
address%1:
%if %1 = 16
        movzx edx, word [esp + 34]
%else
        mov edx, [esp + 36]
%endif
        ret
%endmacro

services 16
services 32
bits 16

hello:  db "irq13 image 1", 10, "processor ", 0
generation_names: dw i486, p6, amd64
i486:   db "I486", 0
p6:     db "P6", 0
amd64:  db "AMD64", 0
amd_text: db " with AMD's MSRs", 0
case_text: db "case ", 0
colon:  db ":", 0
same_text: db " ok", 10, 0
other_text: db " differs", 10, 0
skip_text: db ": skipped", 10, 0
done_text: db "done: ", 0
passed_text: db " passed, ", 0
failed_text: db " failed, ", 0
skipped_text: db " skipped", 10, 0

align 4
zero:   dd 0.0
three:  dd 3.0
minus_one: dd -1.0
big:    dd 1.0e30
denormal: dd 1
gdt:    dq 0
        dq 00CF9A000000FFFFh            ; 8: code, 32 bits
        dq 00CF92000000FFFFh            ; 10h: data
        dq 00009A000000FFFFh            ; 18h: code, 16 bits
        dq 000092000000FFFFh            ; 20h: data
gdt_pointer: dw 39
        dd gdt
idt_pointer: dw 256 * 8 - 1
        dd idt
real_idt: dw 3FFh
        dd 0
generation: dw 0
number: dw 0
passed: dw 0
failed: dw 0
skipped: dw 0
cursor: dw 0
case:   dw 0
begin:  dw 0
base:   dw 0
offsets: dw 0
back:   dw 0
log_at: dw LOG
ticks:  db 0
running: db 0
mode:   db 0
is_amd: db 0
differs: db 0
faulted: db 0

%include "cases"

align 512, db 0
last:
SECTORS equ (last - boot) / 512
absolute last
alignb 16
area:   resb 128
idt:    resb 256 * 8
