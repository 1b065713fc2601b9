#!/usr/bin/env bash
# Emulators of another release of Debian beside those that are installed: nothing but their folder changes.
# Usage: debian_emulators.sh SUITE FOLDER, then irq13 conform bochs --program FOLDER/usr/run/bochs
set -euo pipefail
[ $# = 2 ] || { sed -n 3p "$0" >&2; exit 2; }
suite=$1
mkdir -p "$2"
root=$(cd "$2" && pwd)

apt="$root/.apt"
mkdir -p "$apt"/{state/lists/partial,cache/archives/partial}
: > "$apt/status"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian $suite main" \
    > "$apt/sources.list"
options=(-qq -o Dir::State="$apt/state" -o Dir::State::status="$apt/status" -o Dir::Cache="$apt/cache"
    -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=- -o APT::Sandbox::User=root
    -o APT::Install-Recommends=false)
apt-get "${options[@]}" update
# With all that they need, as nothing counts as installed; unpacked, not installed.
apt-get "${options[@]}" -y --download-only install \
    qemu-system-x86 seabios bochs bochs-term bochsbios vgabios dosbox-x dosbox
for package in "$apt"/cache/archives/*.deb; do
    dpkg-deb -x "$package" "$root"
done
rm -r "$apt"

# Each by its own libraries, firmware and modules.
libraries="$root/usr/lib/x86_64-linux-gnu"
mkdir -p "$root/usr/run"
start() {
    cat > "$root/usr/run/$1" <<END
#!/bin/sh
export LTDL_LIBRARY_PATH='$libraries/bochs/plugins' QEMU_MODULE_DIR='$libraries/qemu'
exec '$root/usr/lib64/ld-linux-x86-64.so.2' --library-path '$libraries:$libraries/pulseaudio' '$root/usr/bin/$2' $3 "\$@"
END
    chmod +x "$root/usr/run/$1"
}
# It would look for modules where Debian's are, which are of another build.
sed -i 's|/usr/lib/x86_64-linux-gnu/qemu|/nowhere/x86_64-linux-gnu/qemu|g' "$root/usr/bin/qemu-system-x86_64"
start qemu-system-x86_64 qemu-system-x86_64 "-L '$root/usr/share/seabios' -L '$root/usr/share/qemu'"
bochs=bochs
[ ! -e "$root/usr/bin/bochs-bin" ] || bochs=bochs-bin # what Debian's script of that name starts
start bochs $bochs ""
start dosbox-x dosbox-x ""
start dosbox dosbox ""
ls "$root"/usr/run/*
