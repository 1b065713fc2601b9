; The sequences of the image's cases as a static ELF program without a libc, in native mode: #MF comes as SIGFPE,
; #UD as SIGILL. Standard output: for each case its lines, 8 bytes each (value, kind), and FFFFFFFFFFFFFFFFh.

bits 64
default rel
org 400000h

elf:    db 7Fh, "ELF", 2, 1, 1, 0
        times 8 db 0
        dw 2, 62
        dd 1
        dq go, headers - elf, 0
        dd 0
        dw 64, 56, 1, 0, 0, 0
headers:
        dd 1, 7
        dq 0, elf, elf, last - elf, space_end - elf, 1000h

UC_RIP equ 168

go:     mov dword [log_at], output
        mov edi, 8                      ; SIGFPE
        mov ecx, on_fault
        call handle
        mov edi, 4                      ; SIGILL
        mov ecx, on_undefined
        call handle
        mov ebx, table
.case:  mov rax, [rbx]
        or rax, rax
        jz .done
        mov [case], rbx
        mov [stack], rsp
        call rax
        mov rsp, [stack]
        fninit
        mov eax, [log_at]
        mov qword [rax], -1
        add dword [log_at], 8
        mov rbx, [case]
        add rbx, 24
        jmp .case
.done:  mov esi, output
        mov edx, [log_at]
        sub edx, esi
        mov eax, 1
        mov edi, 1
        syscall
        xor edi, edi
        mov eax, 60
        syscall

handle: mov [action], rcx
        mov qword [action + 8], 44000004h ; SA_SIGINFO, SA_RESTORER, SA_NODEFER
        mov qword [action + 16], restore
        mov eax, 13
        mov esi, action
        xor edx, edx
        mov r10d, 8
        syscall
        ret
restore:
        mov eax, 15
        syscall

; A line: kind and value in EAX. Keeps all registers but EAX and flags.
log32:  push rcx
        mov ecx, [log_at]
        mov [rcx], eax
        and dword [rcx], 0FFFFh
        shr eax, 16
        mov [rcx + 4], eax
        add dword [log_at], 8
        pop rcx
        ret

; The number of the operation at address R8, with the kind in ECX, to the log; R9 is the address of the next one.
log_operation:
        mov rbx, [case]
        mov rbx, [rbx + 16]
        mov eax, 0FFh
.next:  mov r9, [rbx]
        cmp r8, r9
        jb .found
        mov rax, [rbx + 8]
        add rbx, 16
        jmp .next
.found: shl ecx, 16
        or eax, ecx
        jmp log32

; #MF: on in the case's own routine, outside of the signal, and then back to the instruction.
on_fault:
        mov r8, [rdx + UC_RIP]
        mov [back], r8
        mov ecx, 6
        push rdx
        call log_operation
        pop rdx
        mov rax, [case]
        mov rax, [rax + 8]
        mov [rdx + UC_RIP], rax
        ret
; #UD: past the operation.
on_undefined:
        mov r8, [rdx + UC_RIP]
        mov ecx, 8
        push rdx
        call log_operation
        pop rdx
        mov [rdx + UC_RIP], r9
        ret

zero:   dd 0.0
three:  dd 3.0
minus_one: dd -1.0
big:    dd 1.0e30
denormal: dd 1
log_at: dd 0

%include "cases"

last:
absolute last
alignb 16
case:   resq 1
stack:  resq 1
back:   resq 1
action: resq 4
area:   resb 128
word_at: resw 1
alignb 8
output: resb 65536
space_end:
