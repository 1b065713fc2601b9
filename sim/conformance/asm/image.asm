; A bootable floppy: runs the cases of irq13 on whatever PC it is booted on, in real and in protected mode, and
; logs to the screen, to COM1 (115200 8N1) and to port E9h. For a 486 or later with an x87.
;
; Memory: code and data from 1000h on, all below 64 KB, so that offsets are the same in both modes; the log below
; it, the stacks above it.

cpu 586
bits 16
org 1000h

LOG equ 600h                            ; lines of 4 bytes: value, kind
LOG_MOST equ 64
KEPT equ LOG + 4 * LOG_MOST             ; what a case needs behind a RESET: two words that say so, then `state`
KEPT_1 equ "irq1"
KEPT_2 equ "rst3"
ALARM equ 1                             ; of the RTC, seconds: holds a mark over a RESET, in case memory does not
ALARM_MARK equ 0A5h
STACK16 equ 0FFF0h
STACK32 equ 0FC00h
PERIOD equ 16384                        ; of the timer, in its clocks of 0.84 us: 13.7 ms
LIMIT equ 24                            ; periods after which a case is given up: a third of a second
SETTLE equ 11932                        ; clocks in which an interrupt comes if it ever does: 10 ms
SETTLE_MOST equ 60000                   ; looks at a timer that stands still
MASTER equ 20h
SLAVE equ 0A0h
IO_APIC equ 0FEC00000h                  ; its index, and its data 10h behind that
TIMER_ENTRY equ 14h                     ; the timer is on its input 2
LOCAL_APIC equ 0FEE00000h
PIC_BASE equ 20h                        ; vectors of the master: not those of exceptions

; Wait until an interrupt has come if it ever does. Inline, so that it is interrupted within its operation.
%macro waiting 1
        mov ecx, SETTLE_MOST
        mov al, 0
        out 43h, al
        in al, 40h
        mov bl, al
        in al, 40h
        mov bh, al
%1:     mov al, 0
        out 43h, al
        in al, 40h
        mov dl, al
        in al, 40h
        mov dh, al
        mov ax, bx
        sub ax, dx
        and ax, PERIOD - 1
        cmp ax, SETTLE
        jae %1_over
        dec ecx
        jnz %1
%1_over:
%endmacro

boot:   cli
        cld
        xor ax, ax
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov esp, STACK16
        mov si, 7C00h                   ; where a BIOS puts it
        mov di, boot
        mov cx, 256
        rep movsw
        jmp 0:.here
.here:  mov [drive], dl
        sti
        mov di, 1                       ; the sector
        mov bx, boot + 512
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
options: dw 0                           ; 1 stay on at the end, 2 end after a case that differs
; What runs, in this order: twice the number of a case, and 1 more for protected mode.
runs:
%assign run 0
%rep 2 * CASES
        dw run
%assign run run + 1
%endrep
        dw 0FFFFh

main:   call serial
        mov al, 0Ch                     ; the floppy's motor
        mov dx, 3F2h
        out dx, al
        mov ax, 3
        int 10h
        cli
        cld
        mov si, 0                       ; the BIOS's vectors, for its APM at the end
        mov di, saved_vectors
        mov cx, 512
        rep movsw
        cmp dword [KEPT], KEPT_1
        jne .first
        cmp dword [KEPT + 4], KEPT_2
        je back_from_reset
.first: call vectors
        call start_timer
        mov al, ALARM
        call cmos_read
        cmp al, ALARM_MARK
        je .lost
        mov si, hello
        call print
        call detect
        jc nothing
        mov si, generation_text
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
        call chipset
        call find_nmi
        mov word [run_at], runs
        jmp .case
.lost:  call forget_reset               ; it has booted, and does not know any more what it was at
        mov si, lost_text
        call print
        jmp nothing
.case:  mov si, [run_at]
        mov ax, [si]
        add word [run_at], 2
        cmp ax, 0FFFFh
        je all_done
        mov [mode], al
        and byte [mode], 1
        shr ax, 1
        mov [number], ax
        call one_case
after_case:
        test word [options], 2
        jz main.case
        cmp byte [differs], 0
        je main.case
        mov si, ends_text
        call print
all_done:  mov si, done_text
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
nothing:
        test word [options], 1
        jnz .halt
        mov cx, 0FFFFh                  ; what COM1 still sends
        mov dx, 3F8h + 5
.sends: in al, dx
        test al, 40h
        loopz .sends
        call settle
        call power_off
.halt:  hlt
        jmp .halt

; One case in one mode, and its line.
one_case:
        mov byte [differs], 0
        mov si, begin_text
        call print
        call title
        call newline
        mov bx, [case]
        mov ax, [bx + 2]                ; what the case needs: 1 AMD's MSRs, 2 the chipset's enable bit, 4 an NMI
        test al, 1
        jz .chipset
        cmp byte [is_amd], 0
        je .skip
.chipset:
        test al, 2
        jz .nmi
        cmp byte [circuit_kind], 0
        je .skip
.nmi:   test al, 4
        jz .run
        cmp byte [has_nmi], 0
        jne .run
.skip:  inc word [skipped]
        mov si, case_text
        call print
        call title
        mov si, skip_text
        jmp print
.run:   call quiet
        mov bx, [case]
        mov word [log_at], LOG
        mov byte [ticks], 0
        mov byte [opens], 0
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
        sti
        call [begin]
case_over16:
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
        call nmi_off
        call quiet
        cmp byte [resetting], 0         ; nothing resets this machine
        je .ran
        mov byte [resetting], 0
        mov dword [KEPT], 0
        call forget_reset
        jmp one_case.skip
.ran:
        mov si, case_text
        call print
        call title
        mov si, colon
        call print
        ; The log, and whether it is what the reference has.
        mov di, LOG
.line:  cmp di, [log_at]
        jae .judge
        mov al, ' '
        call putc
        mov eax, [di]
        call hex32
        add di, 4
        jmp .line
.judge: mov bx, [case]
        mov si, [generation]
        shl si, 1
        add si, [bx + 12]
        mov si, [si]                    ; each log that is right: number of lines, then the lines; FFFFh at the end
.log:   lodsw
        cmp ax, 0FFFFh
        je .other
        mov bx, ax
        shl bx, 2
        add bx, si                      ; the next one
        mov cx, [log_at]
        sub cx, LOG
        shr cx, 2
        cmp ax, cx
        jne .wrong
        mov di, LOG
        shl cx, 1
        repe cmpsw
        je .right
.wrong: mov si, bx
        jmp .log
.right: inc word [passed]
        mov si, same_text
        call print
        jmp left_over
.other: mov byte [differs], 1
        inc word [failed]
        mov si, other_text
        call print
; What the case has left that could not be put back.
left_over:
        mov al, 0Ah
        out SLAVE, al
        in al, SLAVE
        test al, 20h
        jz .end
        mov byte [differs], 1
        mov si, left_text
        jmp print
.end:   ret

; Behind a RESET or INIT that a case has asked for: from the BIOS, which has jumped to the address at 467h, or from
; the disk once more. No instruction of the x87 is executed before the case goes on.
back_from_reset:
        cli
        cld
        xor ax, ax
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov esp, STACK16
        mov dword [KEPT], 0
        mov si, KEPT + 8
        mov di, state
        mov cx, state_end - state
        rep movsb
        mov byte [resetting], 0
        call forget_reset
        call serial
        call vectors
        call start_timer
        cmp byte [circuit_kind], 0
        je .pics
        mov byte [circuit_kind], 0
        mov byte [silent], 1
        call chipset
        mov byte [silent], 0
.pics:  mov byte [silent], 1
        call find_nmi
        mov byte [silent], 0
        call start_pics
        push word after_case
        cmp byte [mode], 0
        jne .protected
        mov [back], sp
        sti
        call [begin]
        jmp case_over16
.protected:
        call protected
        jmp ended

; No BIOS has to jump to us any more.
forget_reset:
        mov ax, 0Fh
        call cmos_write
        mov ax, ALARM
; A byte of the RTC's memory: address in AL, value in AH.
cmos_write:
        out 70h, al
        mov al, ah
        out 71h, al
        mov al, 0Dh
        out 70h, al
        in al, 71h
        ret
; The same, into AL.
cmos_read:
        out 70h, al
        in al, 71h
        ret

serial: mov dx, 3F8h + 3
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
        ret

; The timer counts down from PERIOD.
start_timer:
        mov al, 34h
        out 43h, al
        mov al, PERIOD & 0FFh
        out 40h, al
        mov al, PERIOD >> 8
        out 40h, al
        ret

; Number, mode and name of the case; finds its row of the table: name, needs, real, protected, where their operations are,
; expected, handlers.
title:  mov ax, [number]
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
        add bx, table
        mov [case], bx
        mov si, [bx]
        jmp print

; Everything as it was before: no error, no interrupt, no task switch flag, the error circuit on, and IGNNE as
; it is without an error, also where F0h without an error has asserted it.
quiet:  cli
        mov eax, cr0
        and eax, 0FFFFFFD1h             ; NE, TS, EM, MP
        mov cr0, eax
        fninit
        fldenv [image_none_es_16]
        mov al, 1
        call circuit16
        mov bx, [case]
        test word [bx + 2], 1
        jz .wait
        mov byte [faulted], 0
        mov ecx, 0C0010015h             ; IgnneEm and AllowFerrOnNe of HWCR, and the IGNNE MSR
        rdmsr
        cmp byte [faulted], 0
        jne .ignne
        and eax, 0FFFFFE7Fh
        wrmsr
.ignne: mov ecx, 0C0010115h
        xor eax, eax
        xor edx, edx
        wrmsr
.wait:  call settle
        ; Only what is latched: a write without an error is a case of its own.
        mov al, 0Ah
        out SLAVE, al
        in al, SLAVE
        test al, 20h
        jz .end
        out 0F0h, al
        fldenv [image_none_es_16]
.end:   ret

; 10 ms by the timer.
settle: waiting settle_own
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
        sti
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

; What processor: 0 Intel486 and Pentium, 1 P6, 2 AMD64; and whether it has AMD's MSRs. Says what it finds; carry
; if there is nothing to run the cases on.
detect: mov ecx, 40000h                 ; AC, from the 486 on
        call .toggles
        mov si, old_text
        jz .none
        ; The x87: it answers, and its control word is what FNINIT leaves.
        fninit
        mov word [area], 5A5Ah
        fnstsw [area]
        cmp word [area], 0
        mov si, no_fpu_text
        jne .none
        fnstcw [area]
        mov ax, [area]
        and ax, 103Fh
        cmp ax, 3Fh
        jne .none
        mov si, cpu_text
        call print
        mov ecx, 200000h                ; ID
        call .toggles
        mov si, no_cpuid_text
        jz .end
        xor eax, eax
        cpuid
        mov [vendor], ebx
        mov [vendor + 4], edx
        mov [vendor + 8], ecx
        mov si, vendor
        call print
        mov eax, 1
        cpuid
        shr edx, 9
        and dl, 1
        mov [has_apic], dl
        push eax
        mov al, ' '
        call putc
        pop eax
        push eax
        call hex32
        pop eax
        mov si, newline_text
        mov cl, ah
        and cl, 0Fh
        cmp cl, 6
        jb .end
        mov word [generation], 1
        cmp dword [vendor], "Auth"
        jne .end
        cmp cl, 0Fh
        jne .end
        mov word [generation], 2
        mov byte [is_amd], 1
.end:   call print
        clc
        ret
.none:  call print
        stc
        ret
.toggles:                               ; whether a bit of EFLAGS can be changed: zero if not
        pushfd
        pop eax
        mov edx, eax
        xor eax, ecx
        push eax
        popfd
        pushfd
        pop eax
        push edx
        popfd
        xor eax, edx
        test eax, ecx
        ret

; A register of PCI configuration space on bus 0: its address goes to EAX, and to the address port.
pci:    mov eax, [pci_function]
        shl eax, 8
        mov al, cl
        and al, 0FCh
        or eax, 80000000h
        mov dx, 0CF8h
        out dx, eax
        mov dx, 0CFCh
        ret

; The chipset's enable bit of the error circuit: finds it, says how it was, and sets it.
chipset:
        mov dx, 0CF8h                   ; configuration mechanism 1
        mov eax, 80000000h
        out dx, eax
        in eax, dx
        cmp eax, 80000000h
        jne .unknown
        mov dword [pci_function], 0
.next:  mov cl, 0
        call pci
        in eax, dx
        mov si, bridges
.bridge:
        cmp dword [si], 0
        je .other
        cmp eax, [si]
        je .found
        add si, BRIDGE
        jmp .bridge
.other: cmp eax, 71138086h              ; power management of the PIIX4
        jne .more
        mov ebx, [pci_function]
        mov [power_function], ebx
.more:  inc dword [pci_function]
        cmp dword [pci_function], 256
        jb .next
        cmp byte [circuit_kind], 0
        jne .end
.unknown:
        mov si, no_chipset_text
        jmp print
.end:   ret
.found: cmp byte [circuit_kind], 0
        jne .more
        mov al, [si + 4]
        mov [circuit_kind], al
        mov al, [si + 6]
        mov [circuit_mask], al
        mov cl, [si + 5]
        mov ch, 0
        cmp byte [si + 4], 2
        je .memory
        call pci
        mov [circuit_address], eax
        and cl, 3
        add cl, 0FCh
        mov [circuit_port], cl
        jmp .say
.memory:                                ; RCBA: registers in memory, which a segment of 4 GB reaches
        mov ebx, [pci_function]
        mov [power_function], ebx
        call pci
        in eax, dx
        test al, 1
        jz .off
        and eax, 0FFFFC000h
        add eax, 31FFh
        mov [circuit_address], eax
        call all_of_memory
.say:   push si
        mov si, chipset_text
        call print
        pop si
        push si
        mov si, [si + 7]
        call print
        mov si, was_off_text
        call circuit_read16
        test al, [circuit_mask]
        jz .was
        mov si, was_on_text
.was:   call print
        mov al, 1
        call circuit16
        mov si, now_off_text
        call circuit_read16
        test al, [circuit_mask]
        jz .now
        mov si, now_on_text
.now:   call print
        pop si
        jmp .more
.off:   mov byte [circuit_kind], 0
        jmp .more

; FS reaches 4 GB.
all_of_memory:
        in al, 92h                      ; A20
        or al, 2
        out 92h, al
        lgdt [gdt_pointer]
        mov eax, cr0
        or al, 1
        mov cr0, eax
        mov bx, 10h
        mov fs, bx
        and al, 0FEh
        mov cr0, eax
        ret

; An I/O APIC, which can make an NMI of the timer's interrupt: that ends a freeze with IF = 0 too.
find_nmi:
        cmp byte [has_apic], 0
        je .end
        call all_of_memory
        mov ecx, LOCAL_APIC + 20h
        mov eax, [fs:ecx]
        mov [apic_id], eax
        mov ecx, IO_APIC
        mov dword [fs:ecx], 1
        mov eax, [fs:ecx + 10h]         ; its version, and its number of entries less 1
        cmp al, 10h
        jb .end
        cmp al, 2Fh
        ja .end
        shr eax, 16
        cmp ax, 15
        jb .end
        cmp ax, 239
        ja .end
        mov byte [has_nmi], 1
        mov si, nmi_text
        jmp print
.end:   ret

; The timer's interrupt is no NMI any more.
nmi_off:
        cmp byte [has_nmi], 0
        je .end
        mov byte [nmi_in], 0
        mov ecx, IO_APIC
        mov dword [fs:ecx], TIMER_ENTRY
        mov dword [fs:ecx + 10h], 10000h
        pushf                           ; a case that an NMI has ended left NMIs blocked
        push cs
        push word .end
        iret
.end:   ret

; Off, in the ways of emulators and of machines; it returns where none works.
power_off:
        mov si, shutdown_text           ; Bochs
        mov dx, 8900h
.bochs: lodsb
        or al, al
        jz .exit
        out dx, al
        jmp .bochs
.exit:  mov ax, 0                       ; QEMU's isa-debug-exit, at its own port and where it is often put
        mov dx, 501h
        out dx, al
        out 0F4h, al
        cmp dword [power_function], 0
        je .apm
        mov eax, [power_function]       ; ACPI: PM1 control; S5 is 7 on an ICH, 0 on a PIIX4 and in emulators
        mov [pci_function], eax
        mov cl, 40h
        call pci
        in eax, dx
        and ax, 0FFC0h
        jz .apm
        mov dx, ax
        add dx, 4
        cmp byte [circuit_kind], 2
        jne .piix
        mov ax, 3C00h
        out dx, ax
.piix:  mov ax, 2000h
        out dx, ax
.apm:   cli
        cld
        mov si, saved_vectors
        xor di, di
        mov cx, 512
        rep movsw
        mov ax, 5300h
        xor bx, bx
        int 15h
        jc .end
        mov ax, 5301h
        xor bx, bx
        int 15h
        mov ax, 530Eh
        xor bx, bx
        mov cx, 102h
        int 15h
        mov ax, 5307h
        mov bx, 1
        mov cx, 3
        int 15h
.end:   cli
        ret

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
        vector 2, nmi
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
putc:   cmp byte [silent], 0
        jne .end
        pusha
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
        jmp .index
.line:  mov ax, di
        mov cx, 160
        xor dx, dx
        div cx
        inc ax
        mul cx
        mov di, ax
.index: cmp di, 25 * 160
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
.end:   ret

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

; Positions in the list of a case's handlers.
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

; #UD and #GP(0): the operation that has it is passed over, however long the instruction is.
undefined_%1:
        pushad
        call address%1
        mov eax, 8 << 16
        jmp pass%1
protection_%1:
%if %1 = 32
        add esp, 4
%endif
        pushad
        cmp byte [running], 0
        jne .case
        mov byte [faulted], 1           ; RDMSR or WRMSR of what follows a case
        add word [esp + 32], 2
        popad
        iret
.case:
        call address%1
        mov byte [faulted], 1
        mov eax, 9 << 16
pass%1: call log_index%1
        movzx ebx, word [offsets]
        cmp dx, [ebx]
        jb .lost
.next:  cmp word [ebx], 0FFFFh
        je .lost
        cmp dx, [ebx]
        jb .here
        add ebx, 4
        jmp .next
.here:  mov ax, [ebx]
%if %1 = 16
        mov [esp + 32], ax
%else
        mov [esp + 32], ax
        mov word [esp + 34], 0
%endif
        popad
        iret
.lost:  jmp case_over%1

; The timer: opens the slave for a case that waits for that, and ends a case that has taken too long.
timer_%1:
        pushad
        mov al, 60h                     ; the end of IRQ 0 and of nothing else
        out MASTER, al
        cmp byte [running], 0
        je .end
        cmp byte [opens], 0
        je .closed
        dec byte [opens]
        test byte [opens], 7Fh
        jnz .closed
        test byte [opens], 80h
        mov byte [opens], 0
        jnz .f0
        mov al, 0DFh
        out SLAVE + 1, al
        jmp .closed
.f0:    out 0F0h, al
.closed:
        inc byte [ticks]
        cmp byte [ticks], LIMIT
        jb .end
.over:  call address%1
        mov eax, 11 << 16
        call log_index%1
        jmp case_over%1
.end:   popad
        iret

; The timer as NMI from now on.
nmi_on%1:
        mov ecx, IO_APIC
        mov dword [fs:ecx], TIMER_ENTRY + 1
        mov eax, [apic_id]
        mov [fs:ecx + 10h], eax
        mov dword [fs:ecx], TIMER_ENTRY
        mov dword [fs:ecx + 10h], 400h
        ret

; NMI: for a case that waits for it writes port F0h; and ends a case that has taken too long.
nmi_%1:
        pushad
        cmp byte [running], 0
        je .end
        cmp byte [nmi_in], 0
        je .late
        dec byte [nmi_in]
        jnz .late
        call address%1
        mov eax, 16 << 16
        call log_index%1
        out 0F0h, al
.late:  inc byte [ticks]
        cmp byte [ticks], LIMIT
        jae timer_%1.over
.end:   popad
        iret

; The chipset's enable bit: what AL says, or its byte into AL.
circuit%1:
        cmp byte [circuit_kind], 0
        je .end
        mov bl, al
        call circuit_read%1
        mov bh, [circuit_mask]
        or al, bh
        cmp bl, 0
        jne .write
        not bh
        and al, bh
.write: cmp byte [circuit_kind], 2
        je .memory
        out dx, al
.end:   ret
.memory:
        mov [fs:ecx], al
        ret
circuit_read%1:
        mov ecx, [circuit_address]
        cmp byte [circuit_kind], 2
        je .memory
        mov eax, ecx
        mov dx, 0CF8h
        out dx, eax
        mov dh, 0Ch
        mov dl, [circuit_port]
        in al, dx
        ret
.memory:
        mov al, [fs:ecx]
        ret

; RESET, or INIT, as the machine has it; the case goes on at [begin]. What is needed then is put where neither the
; BIOS nor a boot writes.
reset_%1:
        cli
        cld
        mov byte [resetting], 1
        mov esi, state
        mov edi, KEPT + 8
        mov ecx, state_end - state
        rep movsb
        mov dword [KEPT], KEPT_1
        mov dword [KEPT + 4], KEPT_2
        mov dword [467h], back_from_reset
        mov word [472h], 1234h          ; a warm boot: memory is not tested
        mov al, 0Fh                     ; the BIOS jumps to the address at 467h
        out 70h, al
        mov al, 0Ah
        out 71h, al
        mov al, ALARM
        out 70h, al
        mov al, ALARM_MARK
        out 71h, al
        sti
        mov dx, 0CF9h
        mov al, 2
        out dx, al
        mov al, 6
        out dx, al
        waiting by_keyboard_%1
        mov al, 0FEh
        out 64h, al
        waiting by_port_92_%1
        in al, 92h
        and al, 0FEh
        out 92h, al
        or al, 1
        out 92h, al
        jmp $                           ; the timer ends it

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

hello:  db "irq13 image 2", 10, 0
cpu_text: db "cpu ", 0
no_cpuid_text: db "without CPUID, with an x87"
newline_text: db 10, 0
old_text: db "a 386: it has no FERR#, and the cases are for a 486 and later", 10, "done: 0 passed, 0 failed, 0 skipped", 10, 0
no_fpu_text: db "no x87 answers: there is nothing to test", 10, "done: 0 passed, 0 failed, 0 skipped", 10, 0
generation_text: db "processor ", 0
generation_names: dw i486, p6, amd64
i486:   db "I486", 0
p6:     db "P6", 0
amd64:  db "AMD64", 0
amd_text: db " with AMD's MSRs", 0
no_chipset_text: db "chipset: none of those whose FERR# enable bit is known", 10, 0
chipset_text: db "chipset: ", 0
was_off_text: db ": FERR# enable bit was off", 0
was_on_text: db ": FERR# enable bit was on", 0
now_off_text: db ", and stays off", 10, 0
now_on_text: db ", is on", 10, 0
; PCI vendor and device, kind (1 a byte of configuration space, 2 behind RCBA), register, mask, text.
%macro bridge 5
        dd %1 << 16 | 8086h
        db %2, %3, %4
        dw %5
%endmacro
BRIDGE equ 9
bridges:
        bridge 122Eh, 1, 4Eh, 20h, piix_text
        bridge 7000h, 1, 4Eh, 20h, piix_text
        bridge 7110h, 1, 4Eh, 20h, piix_text
        bridge 0484h, 1, 4Dh, 20h, sio_text
%macro ich 1-*
%rep %0
        bridge %1, 1, 0D1h, 20h, ich_text
%rotate 1
%endrep
%endmacro
        ich 2410h, 2420h, 2440h, 244Ch, 2480h, 248Ch, 24C0h, 24CCh, 24D0h
%macro pch 1-*
%rep %0
        bridge %1, 2, 0F0h, 2, pch_text
%rotate 1
%endrep
%endmacro
        pch 2640h, 2641h, 27B0h, 27B8h, 27B9h, 2810h, 2811h, 2815h, 2912h, 2914h, 2916h, 2917h, 2918h, 2919h, 3A16h, 3A18h
        dd 0
piix_text: db "PIIX, XBCS 4Eh bit 5", 0
sio_text: db "82378ZB, 4Dh bit 5", 0
ich_text: db "ICH to ICH5, D0h bit 13", 0
pch_text: db "ICH6 or later, OIC bit 9", 0
shutdown_text: db "Shutdown", 0
begin_text: db "begin ", 0
case_text: db "case ", 0
colon:  db ":", 0
same_text: db " ok", 10, 0
other_text: db " differs", 10, 0
skip_text: db ": skipped", 10, 0
left_text: db "left: IRQ 13 stays requested", 10, 0
nmi_text: db "nmi: of the timer, by the I/O APIC", 10, 0
lost_text: db "lost: a reset does not keep memory here", 10, "done: 0 passed, 0 failed, 1 skipped", 10, 0
ends_text: db "ends here: start again for the cases that are left", 10, 0
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
silent: db 0
resetting: db 0                         ; a case has asked for RESET, and nothing has come of it yet
state:
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
run_at: dw 0
pci_function: dd 0
power_function: dd 0
circuit_address: dd 0                   ; in configuration space, or in memory
vendor: times 13 db 0
circuit_kind: db 0
circuit_port: db 0
circuit_mask: db 0
opens:  db 0                            ; ticks after which the timer opens the slave; 80h more: writes F0h
since:  db 0
back:   dw 0
log_at: dw LOG
ticks:  db 0
running: db 0
mode:   db 0
is_amd: db 0
has_apic: db 0
has_nmi: db 0
nmi_in: db 0                            ; ticks after which the timer's NMI does what the case waits for
apic_id: dd 0
differs: db 0
faulted: db 0
state_end:

%include "cases"

align 512, db 0
last:
SECTORS equ (last - boot) / 512
absolute last
alignb 16
area:   resb 128
word_at: resw 1
saved_vectors: resb 1024
alignb 8
idt:    resb 256 * 8
