; A static ELF program without a libc: runs sequences of x87 instructions and tells what each of them did.
;
; Standard input, little endian: for each sequence the control word (2 bytes), what to do on a trap (1 byte: 0
; skips the instruction, 1 clears the flags and tries again), the number of steps (1 byte, FFh ends it all);
; for each step the number of its operation, a control word and a status word (2 bytes each).
; Standard output, 8 bytes a step: trapped, faulted, flags that the step itself raises, 0, SW, CW (2 bytes each).

bits 64
org 400000h

elf:    db 7Fh, "ELF", 2, 1, 1, 0
        times 8 db 0
        dw 2, 62
        dd 1
        dq start, headers - elf, 0
        dd 0
        dw 64, 56, 1, 0, 0, 0
headers:
        dd 1, 7                         ; one segment: read, write, execute
        dq 0, elf, elf, end - elf, space_end - elf, 1000h

SYS_READ equ 0
SYS_WRITE equ 1
SYS_SIGACTION equ 13
SYS_SIGRETURN equ 15
SYS_EXIT equ 60
SIGILL equ 4
SIGFPE equ 8
SA_SIGINFO equ 4
SA_RESTORER equ 4000000h
SA_NODEFER equ 40000000h
; In the frame of a signal: registers and the pointer to the saved x87 state.
UC_RSP equ 160
UC_RIP equ 168
UC_FPSTATE equ 224

start:  mov ebx, SIGFPE
        lea rcx, [on_fpe]
        call handle
        mov ebx, SIGILL
        lea rcx, [on_ill]
        call handle
        lea rsi, [input]
.read:  xor eax, eax
        xor edi, edi
        mov edx, INPUT_SIZE
        lea rcx, [input]
        sub rdx, rsi
        add rdx, rcx
        jz fail                         ; more than there is room for
        syscall
        test rax, rax
        js fail
        jz .all
        add rsi, rax
        jmp .read
.all:   lea r12, [input]                ; where it reads
        lea r13, [output]               ; where it writes
sequence:
        movzx eax, byte [r12 + 3]
        cmp al, 0FFh
        je finish
        mov [steps], eax
        mov al, [r12 + 2]
        mov [retry], al
        fninit
        fldcw [r12]
        add r12, 4
.step:  cmp dword [steps], 0
        je sequence
        dec dword [steps]
        movzx ebx, word [r12]
        mov ax, [r12 + 2]
        mov [arg_cw], ax
        mov ax, [r12 + 4]
        mov [arg_sw], ax
        add r12, 6
        mov qword [r13], 0
        call images
        ; What it raises by itself: from the same state, with no flag set.
        fxsave [saved]
        fxsave [clean]
        and word [clean + 2], 7F00h
        fxrstor [clean]
        mov byte [measuring], 1
        call [table + rbx * 8]
        fnstsw ax
        and al, 7Fh
        mov [r13 + 2], al
        ; And now for good.
        fxrstor [saved]
        mov byte [measuring], 0
        call images
        call [table + rbx * 8]
        fnstsw ax
        mov [r13 + 4], ax
        fnstcw [r13 + 6]
        add r13, 8
        jmp .step
finish: lea rsi, [output]
.write: mov rdx, r13
        sub rdx, rsi
        jz .done
        mov eax, SYS_WRITE
        mov edi, 1
        syscall
        test rax, rax
        js fail
        add rsi, rax
        jmp .write
.done:  xor edi, edi
        jmp exit
fail:   mov edi, 1
exit:   mov eax, SYS_EXIT
        syscall

; Memory operands as they are before each instruction: some write to them.
images: lea rsi, [environment]
        call .words
        lea rsi, [image]
        call .words
        mov ax, [arg_cw]
        mov [fx_image], ax
        mov ax, [arg_sw]
        mov [fx_image + 2], ax
        ret
.words: mov word [rsi + 2], 0FFFFh
        mov ax, [arg_cw]
        mov [rsi], ax
        mov ax, [arg_sw]
        mov [rsi + 4], ax
        mov word [rsi + 8], 0FFFFh      ; all registers empty
        ret

; Signal ebx goes to rcx.
handle: mov [action], rcx
        mov qword [action + 8], SA_SIGINFO | SA_RESTORER | SA_NODEFER
        lea rcx, [restore]
        mov [action + 16], rcx
        mov eax, SYS_SIGACTION
        mov edi, ebx
        lea rsi, [action]
        xor edx, edx
        mov r10d, 8
        syscall
        test rax, rax
        jnz fail
        ret
restore:
        mov eax, SYS_SIGRETURN
        syscall

; #MF: the instruction has not been executed. A step that has two of them may trap at each.
on_fpe: mov byte [r13], 1
        cmp byte [retry], 0
        je skip
        mov rax, [rdx + UC_FPSTATE]
        and word [rax + 2], 7F00h
        ret
; #UD.
on_ill: mov byte [r13 + 1], 1
; Go on at a RET: the address that the operation returns to is on top of the stack.
skip:   lea rax, [return]
        mov [rdx + UC_RIP], rax
return: ret

%include "operations"

align 64
fx_image: times 24 db 0
        dd 1F80h, 0FFFFh
        times 480 db 0
environment: times 28 db 0
image:  times 108 db 0
end:

absolute end
alignb 64
saved:  resb 512
clean:  resb 512
area:   resb 1024
action: resq 4
steps:  resd 1
retry:  resb 1
measuring: resb 1
arg_cw: resw 1
arg_sw: resw 1
alignb 16
INPUT_SIZE equ 1 << 22
input:  resb INPUT_SIZE
output: resb 1 << 23
space_end:
