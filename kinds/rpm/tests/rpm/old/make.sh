#!/usr/bin/env bash
# Makes the packages and the keys beside it: rpmbuild builds, rpmsign signs with GnuPG 1.4, which still writes version 3
# signatures. The secret keys are thrown away. Wants rpmbuild, rpmsign, rpmkeys, python3, gpg1 (Debian:
# gnupg1) and faketime, so that no clock is behind the signatures.
set -euo pipefail
cd "$(dirname "$0")"
gpg=$(command -v gpg1)
work=$(mktemp -d)
export TZ=UTC GNUPGHOME=$work/keys SOURCE_DATE_EPOCH=1700000000 HOME=$work
trap 'rm -rf "$work"' EXIT
mkdir -m 700 "$GNUPGHOME"

for name in Old Other; do
  faketime '2023-01-01 00:00:00' "$gpg" --quiet --batch --gen-key - <<END
Key-Type: RSA
Key-Length: 2048
Name-Real: $name
Expire-Date: 0
%commit
END
done
"$gpg" --quiet --armor --output key.asc --yes --export Old

printf '%s\n' 'Name: old' 'Version: 1' 'Release: 1' 'Summary: old' 'License: MIT' 'BuildArch: noarch' '%description' old \
  '%files' > "$work/old.spec"
rpmbuild --quiet -bb --define "_topdir $work" --define "_rpmdir $work" --define '_build_id_links none' \
  --define '_binary_payload w9.gzdio' "$work/old.spec"

# sign FILE KEY OPTIONS OF GPG -- OPTIONS OF RPMSIGN
sign() {
  local file=$1 key=$2 extra=$3
  shift 3
  cp "$work/noarch/old-1-1.noarch.rpm" "$file"
  faketime '2023-01-02 00:00:00' rpmsign --define "__gpg $gpg" --define "_gpg_name $key" --define "_gpg_sign_cmd_extra_args $extra" "$@" --addsign "$file" > /dev/null
}
sign header.rpm Old '--force-v3-sigs --digest-algo SHA256'
sign sha1.rpm Old '--force-v3-sigs --digest-algo SHA1'
sign other.rpm Other '--force-v3-sigs --digest-algo SHA256'
sign payload.rpm Old '--force-v3-sigs --digest-algo SHA256' --rpmv3
sign payload4.rpm Old '--no-force-v3-sigs --digest-algo SHA256' --rpmv3

# Before 2003 there was no signature of the header alone (tag 268), nor a region around the signatures (tag 62).
for file in payload.rpm payload4.rpm; do
  python3 - "$file" <<'END'
import struct, sys
data = open(sys.argv[1], "rb").read()
count, size = struct.unpack(">II", data[104:112])
index = [struct.unpack(">IIII", data[112 + 16 * n:128 + 16 * n]) for n in range(count)]
store = data[112 + 16 * count:112 + 16 * count + size]
rest = data[-(-(112 + 16 * count + size) // 8) * 8:]
tags, values = b"", b""
for tag, kind, at, many in sorted(entry for entry in index if entry[0] in (1000, 1002, 1004, 1007)):
    # Four-byte numbers, which are aligned, and bytes.
    width = {4: 4, 7: 1}[kind]
    values += b"\0" * (-len(values) % width)
    tags += struct.pack(">IIII", tag, kind, len(values), many)
    values += store[at:at + many * width]
head = data[:104] + struct.pack(">II", len(tags) // 16, len(values)) + tags + values
open(sys.argv[1], "wb").write(head + b"\0" * (-len(head) % 8) + rest)
END
done

rpmkeys --dbpath "$work/db" --import key.asc
rpmkeys --dbpath "$work/db" --checksig --verbose ./*.rpm || true
for file in ./*.rpm; do
  rpm --query --package --nosignature --queryformat "$file: %{RSAHEADER:pgpsig} / %{SIGPGP:pgpsig}\n" "$file"
done
