#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The Debian package of this build: what is in it, that its parts fit together, and its unit's command under something that plays systemd's
# part.
netlog=$1 build=$2
. "$(dirname "$0")/common.sh"
need cpack dpkg-shlibdeps file gzip systemd-analyze

cpack --config "$build/CPackConfig.cmake" -B "$scratch/made" >"$scratch/cpack.log" 2>&1
packages=("$scratch"/made/*.deb)
[ ${#packages[@]} -eq 1 ] || { echo "not one package: ${packages[*]}"; exit 1; }
root=$scratch/root
dpkg-deb -x "${packages[0]}" "$root"
dpkg-deb -e "${packages[0]}" "$root/DEBIAN"

echo "--- files"
for file in usr/bin/netlog etc/netlog/netlog.toml usr/lib/systemd/system/netlog.service usr/lib/sysusers.d/netlog.conf \
  usr/share/man/man1/netlog.1.gz usr/share/man/man1/netlog-record.1.gz usr/share/bash-completion/completions/netlog \
  usr/share/doc/netlog/copyright usr/share/doc/netlog/changelog.Debian.gz usr/share/doc/netlog/README.md usr/share/doc/netlog/docs/usage.md \
  usr/share/doc/netlog/grafana/netlog.json; do
  [ -s "$root/$file" ] || { echo "the package has no $file"; exit 1; }
done
for file in $(find "$root" -type f -perm /6022 -o -type d -perm /022); do echo "others may write, or it is setuid: $file"; exit 1; done
grep -qx /etc/netlog/netlog.toml "$root/DEBIAN/conffiles"
for script in postinst prerm postrm; do sh -n "$root/DEBIAN/$script"; [ -x "$root/DEBIAN/$script" ]; done
dpkg-deb -f "${packages[0]}" Depends | grep -q libsqlite3-0

echo "--- unit"
for target in sysinit basic shutdown local-fs multi-user; do
  printf '[Unit]\nDescription=stub\n' >"$root/usr/lib/systemd/system/$target.target"
done
install -D /bin/sh "$root/bin/sh" # as everywhere
faults=$(systemd-analyze verify --man=no --root="$root" netlog.service 2>&1) && [ -z "$faults" ] || { echo "the unit is not right: $faults"; exit 1; }
# The recorder loads BPF programs and a filter of its own.
grep -q '^SystemCallFilter=.* bpf seccomp$' "$root/usr/lib/systemd/system/netlog.service"
systemd-analyze security --offline=yes --threshold=40 --no-pager --root="$root" netlog.service >"$scratch/security" \
  || { cat "$scratch/security"; exit 1; }
read -ra command <<<"$(sed -n 's/^ExecStart=//p' "$root/usr/lib/systemd/system/netlog.service")"
[ -x "$root/${command[0]}" ]
[ "${command[*]:1}" = "record --config /etc/netlog/netlog.toml" ]

if [ "$(id -u)" -eq 0 ]; then
  echo "--- unit of netlog service install"
  written=$scratch/written/etc/systemd/system
  mkdir -p "$written"
  for unit in "$root"/usr/lib/systemd/system/*.target; do cp "$unit" "$written/"; done
  # Where only root can replace it, as the service asks for; beside a configuration of somebody else.
  as_installed() {
    unshare -m sh -c 'mount -t tmpfs -o mode=755 none /mnt && cp "$0" /mnt/netlog && touch /mnt/alices.toml &&
    chown 65534 /mnt/alices.toml && exec /mnt/netlog "$@"' "$netlog" "$@"
  }
  as_installed service install --dry-run --db '/var/lib/100% of $it.db' --interval 1s >"$scratch/steps"
  sed -e 1d -e '/^systemctl /d' "$scratch/steps" >"$written/netlog.service"
  grep -qF "ExecStart=\"/mnt/netlog\" \"record\" \"--db\" \"/var/lib/100%% of \$\$it.db\" \"--interval\" \"1s\"" "$written/netlog.service"
  grep -qxF 'ReadWritePaths="/var/lib"' "$written/netlog.service"
  grep -qxF 'RequiresMountsFor="/var/lib"' "$written/netlog.service"
  [ "$(grep -c '^systemctl' "$scratch/steps")" -eq 2 ]
  install -D /bin/sh "$scratch/written/bin/sh"
  mkdir "$scratch/written/mnt"
  cp "$netlog" "$scratch/written/mnt/netlog"
  faults=$(systemd-analyze verify --man=no --root="$scratch/written" netlog.service 2>&1) && [ -z "$faults" ] \
    || { echo "the unit is not right: $faults"; exit 1; }
  not_installed() { # why, options
    if as_installed service install --dry-run "${@:2}" 2>"$scratch/refused.log"; then echo "it took ${*:2}"; exit 1; fi
    cat "$scratch/refused.log"
    says "$1" "$scratch/refused.log"
  }
  not_installed 'a unit cannot have' --db $'/var/lib/a\nb.db'
  not_installed 'may not write below /tmp' --db /tmp/a.db
  not_installed 'may not write below /tmp' --db /root/a.db
  not_installed 'make this folder first' --db /var/lib/nowhere/a.db
  not_installed 'a /tmp of its own' --config /tmp/netlog.toml
  not_installed 'alices.toml: it belongs to user 65534' --config /mnt/alices.toml
else
  echo "--- unit of netlog service install: not tried, it takes root"
fi

echo "--- configuration"
# Every option of `record` is in it, and those with a # have their default.
"$netlog" help record | python3 -c '
import re, sys
text = open(sys.argv[1]).read()
given = dict(re.findall(r"^#?([a-z-]+) = (.*?)(?:\s+#.*)?$", text, re.M))
found = re.findall(r"^ +--([a-z-]+)(?: [A-Z]+(?:=(\S+))?)?", sys.stdin.read(), re.M)
assert len(found) >= 10 and sum(default != "" for _, default in found) >= 5, found
for option, default in found:
    if option != "config":
        assert option in given, f"--{option} is not in the configuration"
        assert not default or given[option].strip("\"") == default, f"{option} = {given[option]}, and the default is {default}"
' "$root/etc/netlog/netlog.toml"
sed -e "s|/var/lib/netlog|$scratch|" -e 's|^group.*||' "$root/etc/netlog/netlog.toml" >"$scratch/netlog.toml"
"$(dirname "$0")/supervised.py" "$scratch/netlog.db" "$root/usr/bin/netlog" record --config "$scratch/netlog.toml" --source poll --log-level warn
consistent "$scratch/netlog.db"
