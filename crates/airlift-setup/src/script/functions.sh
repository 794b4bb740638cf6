
set -eu
LC_ALL=C
export LC_ALL
umask 022

state=/var/lib/airlift/setup
heading='airlift-setup 1'
tab=$(printf '\t')
root='' only='' keep='' dry='' back='' user='' password_file=''
client='' changes=0 hand=0

say() { printf '%s\n' "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 7; }
usage() {
    cat <<'USAGE'
usage: sh setup.sh [--only CLIENT,...] [--keep FILE] [--root DIR] [--dry-run] [--revert]
                   [--user NAME --password-file FILE]

  --only CLIENT,...  only these clients
  --keep FILE        a file that is not set aside, by its name: local.repo; may be given several times
  --root DIR         the root of another system that is set up
  --dry-run          only say what would be done
  --revert           put everything back as it was
  --user NAME, --password-file FILE
                     the name and the password that the mirror asks for; '-' is standard input
USAGE
}

while [ $# -gt 0 ]; do
    case $1 in
        --only=* | --keep=* | --root=* | --user=* | --password-file=*) option=${1%%=*} value=${1#*=} ;;
        --only | --keep | --root | --user | --password-file)
            [ $# -gt 1 ] || { usage >&2; exit 2; }
            option=$1 value=$2
            shift
            ;;
        --dry-run) option='' dry=yes ;;
        --revert) option='' back=yes ;;
        -h | --help) usage; exit 0 ;;
        *) usage >&2; exit 2 ;;
    esac
    case $option in
        --only) only="$only,$value," ;;
        --keep) keep="$keep/$value/" ;;
        --root) root=${value%/} ;;
        --user) user=$value ;;
        --password-file) password_file=$value ;;
    esac
    shift
done

[ -d "$root/" ] || fail "there is no folder $root"
real=$(cd -P -- "$root/" && pwd -P)
real=${real%/}
if [ -z "$dry" ]; then
    # As 'airlift setup' does: the folder itself is locked, so that nothing stays behind after a crash.
    command -v flock >/dev/null || fail "this host has no flock (util-linux), which keeps two setups from running at once"
    exec 9<"$root/"
    flock -w 1 9 || fail 'another setup is running on this host'
fi
journal=$root$state/journal
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
: >"$work/wanted" && : >"$work/conditions" && : >"$work/last"

# ---- Name and password: in files that nobody else reads, and never in the arguments of a program.

need_user() {
    [ -n "$user" ] && [ -n "$password_file" ] ||
        fail "the mirror asks for a name and a password: --user NAME --password-file FILE ('-' is standard input)"
    password=''
    if [ "$password_file" = - ]; then
        IFS= read -r password || :
    else
        [ -r "$password_file" ] || fail "can't read $password_file"
        IFS= read -r password <"$password_file" || :
    fi
    password=${password%"$(printf '\r')"}
    [ -n "$password" ] || fail 'the password is empty'
    case $user in *:*) fail "a name has no ':' in it" ;; esac
    # What every client's file can hold, whatever its format.
    rest=$(printf '%s' "$user$password" | tr -d 'A-Za-z0-9!%&()*+,./:;<=>?@[]^_{|}~-')
    [ -z "$rest" ] || fail 'the name or the password has a character that not every client can be told: take letters, digits and !%&()*+,-./:;<=>?@[]^_{|}~'
    {
        printf '%s\n%s\n' "$user" "$password"
        printf '%s:%s' "$user" "$password" | base64 | tr -d '\n'
        say ''
    } >"$work/secret"
}

# Puts them into what is to be written.
fill() {
    [ -f "$work/secret" ] || return 0
    awk '
        function put(mark, value,    at, done) {
            while ((at = index(line, mark))) {
                done = done substr(line, 1, at - 1) value
                line = substr(line, at + length(mark))
            }
            line = done line
        }
        NR == FNR { value[FNR] = $0; next }
        {
            line = $0
            put("@AIRLIFT_USER@", value[1])
            put("@AIRLIFT_PASSWORD@", value[2])
            put("@AIRLIFT_BASIC@", value[3])
            print line
        }' "$work/secret" "$work/content" >"$work/filled"
    mv "$work/filled" "$work/content"
}

# ---- What is where.

# Whether anything is there, be it a link to nothing.
there() { [ -e "$root$1" ] || [ -L "$root$1" ]; }

# Whether the host has one of these.
has() {
    for one; do
        if there "$one"; then return 0; fi
    done
    return 1
}

chosen() {
    [ -n "$only" ] || return 0
    case $only in *",$1,"*) return 0 ;; esac
    return 1
}

# Refuses a path that leads out of the root by a link.
guard() {
    folder=$root$1
    while [ ! -d "$folder/" ]; do folder=${folder%/*}; done
    target=$(cd -P -- "$folder/" && pwd -P)
    [ ! -f "$root$1" ] || target=$(readlink -f -- "$root$1")
    case ${target%/}/ in
        "$real"/*) ;;
        *) fail "$1 leads out of $root by a link" ;;
    esac
}

# The folders above a path that are not there, the upper ones first.
missing() {
    rest=${1%/*} list=''
    while [ -n "$rest" ] && ! there "$rest"; do
        list="$rest
$list"
        rest=${rest%/*}
    done
    printf '%s' "$list"
}

sum() { sha256sum <"$1" | cut -d ' ' -f 1; }

# Copies a file or a link with its mode, owner and times.
copy() {
    rm -f -- "$root$2.airlift-new"
    cp -pP -- "$root$1" "$root$2.airlift-new"
    mv -f -- "$root$2.airlift-new" "$root$2"
}

# write FROM PATH MODE: a file that is there keeps its mode and owner; one of mode 0600 is nobody else's in any case.
write() {
    new=$root$2.airlift-new
    rm -f -- "$new"
    if [ -f "$root$2" ]; then
        cp -p -- "$root$2" "$new"
        case $3 in *00) chmod go= "$new" ;; esac
    else
        (umask 077 && : >"$new")
        chmod "$3" "$new"
    fi
    cat <"$1" >"$new"
    mv -f -- "$new" "$root$2"
}

# Whether two files, or two links, are the same.
same() {
    if [ -L "$root$1" ] || [ -L "$root$2" ]; then
        [ -L "$root$1" ] && [ -L "$root$2" ] && [ "$(readlink -- "$root$1")" = "$(readlink -- "$root$2")" ]
    else
        [ -f "$root$1" ] && [ -f "$root$2" ] && cmp -s -- "$root$1" "$root$2"
    fi
}

# beside FROM PATH SUFFIX: a name beside a path under which nothing is yet, or just this.
beside() {
    name=$2$3 tried=1
    while there "$name" && ! same "$1" "$name"; do
        tried=$((tried + 1))
        name=$2$3.$tried
    done
    printf '%s' "$name"
}

# ---- The journal: what was done, written down before it is done.

# lines CONDITION [PATH] [SUM]: the lines of the journal for which it holds.
lines() {
    [ -f "$journal" ] || return 0
    asked=${2-} digest=${3-} awk -F "$tab" "NR > 1 && NF == 5 && ($1)" "$journal"
}

begin() {
    if [ -f "$journal" ]; then return 0; fi
    guard "$state"
    say "$heading" >"$work/journal"
    missing "$state/kept/0" >"$work/state"
    while IFS= read -r place; do
        mkdir "$root$place"
        chmod 0755 "$root$place"
        printf 'folder\t-\t%s\t-\t-\n' "$place" >>"$work/journal"
    done <"$work/state"
    chmod 0700 "$root$state"
    write "$work/journal" "$state/journal" 0600
}

# record DEED CLIENT PATH KEPT SUM
record() {
    [ -z "$dry" ] || return 0
    begin
    printf '%s\t%s\t%s\t%s\t%s\n' "$@" >>"$journal"
}

# keep_file DEED PATH SUM: keeps a file as it is, and writes down why.
keep_file() {
    [ -z "$dry" ] || return 0
    begin
    number=$(lines '$4 != "-"' | awk -F "$tab" '$4 > most { most = $4 + 0 } END { print most + 1 }')
    copy "$2" "$state/kept/$number"
    # A link leads elsewhere from where it is kept.
    if [ -L "$root$2" ] && [ -f "$root$2" ]; then write "$root$2" "$state/kept/$number.bytes" 0600; fi
    record "$1" "$client" "$2" "$number" "$3"
}

# What was kept of a file that is ours now: its number, or '-'; nothing where it is not ours.
origin_of() {
    lines '$3 == ENVIRON["asked"] && ($1 == "new" || $1 == "replaced")' "$1" | head -n 1 | cut -f 4
}

# is_ours PATH FILE: whether we put these bytes there.
is_ours() {
    found=$(lines '$3 == ENVIRON["asked"] && $5 == ENVIRON["digest"]' "$1" "$(sum "$2")")
    [ -n "$found" ]
}

make_folders() {
    missing "$1" >"$work/folders"
    while IFS= read -r made; do
        record folder "$client" "$made" - -
        if [ -z "$dry" ]; then
            mkdir "$root$made"
            chmod 0755 "$root$made"
        fi
    done <"$work/folders"
}

if [ -f "$journal" ]; then
    guard "$state"
    IFS= read -r first <"$journal" || first=''
    [ "$first" = "$heading" ] || fail "the journal $journal begins with '$first', and this script knows '$heading'"
    if [ -n "$(tail -c 1 "$journal")" ] && [ -z "$dry" ]; then
        # Its last line was never acted upon.
        sed '$d' "$journal" >"$work/journal"
        write "$work/journal" "$state/journal" 0600
    fi
fi

# ---- Changes of a file that is there: everything else in it stays. They read the edits, then the file.

edit_block='
NR == FNR { block = block $0 "\n"; next }
{ line[++n] = $0 }
END {
    for (i = 1; i <= n && line[i] != "# airlift: begin"; i++) text = text line[i] "\n"
    first = i
    while (i <= n && line[i] != "# airlift: end") i++
    if (first <= n && i > n) exit 4
    printf "%s# airlift: begin\n%s# airlift: end\n", text, block
    for (i++; i <= n; i++) print line[i]
}'

edit_lines='
function normal(s) { gsub(/[ \t\r]/, "", s); gsub(quote, "\"", s); return s }
function name_of(s) {
    sub(/^[ \t]+/, "", s); sub(/[=: \t\r].*$/, "", s)
    s = tolower(s); gsub(/_/, "-", s)
    return s
}
function indent(s) { return match(s, /[^ \t]/) ? RSTART - 1 : length(s) }
# As far in as the others are: in an INI file, a line that is further in than the one before it belongs to that.
function indented(new, blanks, continued) {
    for (; blanks > 0 && continued == "continued"; blanks--) new = " " new
    return new
}
function set(deed, continued, section, name, new,    start, stop, i, m, found, key, first, part) {
    start = 1
    if (section != "-") {
        for (i = 1; i <= n && normal(line[i]) != normal("[" section "]"); i++) ;
        if (i > n) {
            if (deed != "set") return
            if (n && line[n] != "") line[++n] = ""
            line[++n] = "[" section "]"
            line[++n] = new
            return
        }
        start = i + 1
    }
    for (stop = start; stop <= n && substr(normal(line[stop]), 1, 1) != "["; stop++) ;
    m = 0; key = -1; first = -1
    for (i = start; i < stop; i++) {
        if (name_of(line[i]) == name_of(name)) {
            if (deed == "set" && !found) part[++m] = indented(new, indent(line[i]), continued)
            found = 1
            key = continued == "continued" ? indent(line[i]) : -1
        } else if (normal(line[i]) == "") {
            part[++m] = line[i]
        } else if (key < 0 || indent(line[i]) <= key) {
            key = -1
            part[++m] = line[i]
            if (first < 0 && line[i] !~ /^[ \t]*[#;]/) first = indent(line[i])
        }
    }
    if (deed == "set" && !found) {
        m++
        if (section != "-") for (i = m; i > 1; i--) part[i] = part[i - 1]
        part[section == "-" ? m : 1] = indented(new, first, continued)
    }
    for (i = stop; i <= n; i++) part[++m] = line[i]
    for (i = 1; i <= m; i++) line[start + i - 1] = part[i]
    n = start + m - 1
}
BEGIN { quote = sprintf("%c", 39) }
NR == FNR { edit[++edits] = $0; next }
{ line[++n] = $0; old[n] = $0 }
END {
    count = n
    for (e = 1; e <= edits; e++) {
        split(edit[e], f, "\t")
        set(f[1], f[2], f[3], f[4], f[5])
    }
    changed = n != count
    for (i = 1; i <= n; i++) if (line[i] != old[i]) changed = 1
    if (!changed) exit 3
    for (i = 1; i <= n; i++) print line[i]
}'

edit_json='
function blanks(i) { while (i <= len && index(" \t\r\n", substr(text, i, 1))) i++; return i }
function behind_string(i,    c) {
    for (i++; i <= len; i++) {
        c = substr(text, i, 1)
        if (c == "\\") i++
        else if (c == "\"") return i + 1
    }
    exit 4
}
function behind_value(i,    c, depth) {
    while (i <= len) {
        c = substr(text, i, 1)
        if (c == "\"") i = behind_string(i)
        else if (c == "{" || c == "[") { depth++; i++ }
        else if ((c == "}" || c == "]") && depth) { depth--; i++ }
        else if (!depth && index(",}] \t\r\n", c)) return i
        else { i++; continue }
        if (!depth) return i
    }
    exit 4
}
# Finds the members of the object: where the value of this name begins and ends, and where the braces are.
function look(name,    i, key) {
    len = length(text); from = 0; members = 0
    i = blanks(1)
    if (substr(text, i, 1) != "{") exit 4
    open = i
    i = blanks(i + 1)
    while (substr(text, i, 1) != "}") {
        if (substr(text, i, 1) != "\"") exit 4
        key = i
        i = behind_string(i)
        key = substr(text, key, i - key)
        i = blanks(i)
        if (substr(text, i, 1) != ":") exit 4
        i = blanks(i + 1)
        members++
        if (key == name) { from = i; to = behind_value(i) }
        i = blanks(behind_value(i))
        if (substr(text, i, 1) == ",") {
            i = blanks(i + 1)
            if (substr(text, i, 1) == "}") exit 4
        } else if (substr(text, i, 1) != "}") exit 4
    }
    shut = i
    if (blanks(shut + 1) <= len) exit 4
}
function put(name, new,    more) {
    look(name)
    if (from) {
        text = substr(text, 1, from - 1) new substr(text, to)
    } else {
        more = members ? "," substr(text, open + 1) : "\n" substr(text, shut)
        text = substr(text, 1, open) "\n  " name ": " new more
    }
}
function set(deed, name, new, value,    i, end, more) {
    look(name)
    if (deed == "list" || (deed == "includes" && !from)) {
        put(name, deed == "list" ? new : "[" new "]")
    } else if (deed == "entry") {
        if (from && substr(text, from, 1) != "{") exit 6
        more = text
        text = from ? substr(text, from, to - from) : "{}"
        put(new, value)
        value = text
        text = more
        put(name, value)
    } else {
        if (substr(text, from, 1) != "[") exit 5
        more = ""
        i = blanks(from + 1)
        while (substr(text, i, 1) != "]") {
            end = behind_value(i)
            if (substr(text, i, end - i) == new) return
            more = ", "
            i = blanks(end)
            if (substr(text, i, 1) == ",") i = blanks(i + 1)
        }
        text = substr(text, 1, from) new more substr(text, from + 1)
    }
}
NR == FNR { edit[++edits] = $0; next }
{ text = text $0 "\n" }
END {
    if (!newline) text = substr(text, 1, length(text) - 1)
    if (text ~ /^[ \t\r\n]*$/) text = "{}\n"
    for (e = 1; e <= edits; e++) {
        split(edit[e], f, "\t")
        set(f[1], f[2], f[3], f[4])
    }
    printf "%s", text
}'

# change KIND PATH: makes $work/new of $work/content and $work/before.
change() {
    status=0
    case $1 in
        whole) cp "$work/content" "$work/new" ;;
        block) awk "$edit_block" "$work/content" "$work/before" >"$work/new" || status=$? ;;
        lines) awk "$edit_lines" "$work/content" "$work/before" >"$work/new" || status=$? ;;
        json)
            newline=$(tail -c 1 "$work/before" | wc -l)
            awk -v newline="$((newline))" "$edit_json" "$work/content" "$work/before" >"$work/new" || status=$?
            ;;
    esac
    case $1$status in
        *0) ;;
        lines3) cp "$work/before" "$work/new" ;;
        block4) fail "$2 can't be changed: it has a line '# airlift: begin', and no line '# airlift: end' behind it" ;;
        json4) fail "$2 can't be changed: it is not a JSON object" ;;
        json5) fail "$2 can't be changed: what should be a list in it is none" ;;
        json6) fail "$2 can't be changed: what should be an object in it is none" ;;
        *) fail "$2 can't be changed: awk ended with $status" ;;
    esac
}

# only_if there|none BEGINNING OTHERWISE: whether the next file needs a line that begins so, or must have none.
only_if() { printf '%s\t%s\t%s\n' "$@" >>"$work/conditions"; }

# meets FILE: whether the conditions hold; else $otherwise.
meets() {
    otherwise=''
    while IFS="$tab" read -r how beginning sentence; do
        seen=none
        if beginning=$beginning awk '
            { gsub(/[ \t\r]/, ""); gsub(quote, "\"") }
            ENVIRON["beginning"] == "-" || index($0, ENVIRON["beginning"]) == 1 { found = 1; exit }
            END { exit !found }' quote="'" "$1"; then seen=there; fi
        if [ "$seen" != "$how" ]; then
            [ "$sentence" = - ] || otherwise=$sentence
            return 1
        fi
    done <"$work/conditions"
}

# ---- Which host it is.

# release KEY: what its os-release says.
release() {
    for file in /etc/os-release /usr/lib/os-release; do
        # In a tree, it may be a link that means another place there than it does here.
        if [ -f "$root$file" ] && (guard "$file") 2>/dev/null; then
            sed -n "s/^$1=//p" "$root$file" | tail -n 1 | tr -d "\"'\r" | tr 'A-Z' 'a-z' | sed 's/^[[:blank:]]*//; s/[[:blank:]]*$//'
            return
        fi
    done
}

# Finds $names, the most exact one first, and $arch as Debian calls it: what its dpkg says, or else this machine's.
this_host() {
    id=$(release ID) version=$(release VERSION_ID) like=$(release ID_LIKE)
    major=${version%%.*} el=''
    case " $id $like " in *' rhel '* | *' centos '* | ' rocky '* | ' almalinux '* | ' ol '*) el=el$major ;; esac
    codenames="$(release VERSION_CODENAME) $(release UBUNTU_CODENAME) $(release DEBIAN_CODENAME)"
    # Blanks of what is empty go.
    # shellcheck disable=SC2086
    names=$(printf '%s ' "$id$version" "$id$major" "$id" "$version" "$major" $codenames "$el" | tr -s ' ' | sed 's/^ //')
    arch=''
    if [ -f "$root/var/lib/dpkg/arch" ] && (guard /var/lib/dpkg/arch) 2>/dev/null; then
        arch=$(head -n 1 "$root/var/lib/dpkg/arch")
    fi
    case ${arch:=$(uname -m)} in x86_64) arch=amd64 ;; aarch64) arch=arm64 ;; ppc64le) arch=ppc64el ;; esac
    system=${names%% *}
    what_it_is="${system:-a system without os-release} on $arch"
}
this_host

# is_one LIST NAMES: whether one of the names is in the list; whether the list is empty.
is_one() {
    [ -n "$1" ] || return 0
    for one in $1; do
        case " $2 " in *" $one "*) return 0 ;; esac
    done
    return 1
}

# only_for WHAT SYSTEMS ARCHITECTURES: whether this is one of the hosts that it is for.
only_for() {
    if is_one "$2" "$names" && is_one "$3" "$arch"; then
        fitting=yes
        return 0
    fi
    case ", $others, " in *", $1, "*) ;; *) others="${others:+$others, }$1" ;; esac
    return 1
}

elsewhere() { [ -z "$others" ] || say "$client: not for this host, which is $what_it_is: $others" >>"$work/last"; }

# ---- There.

# client NAME PATH...: whether this client is to be set up, on a host that has one of these.
client() {
    client=$1
    shift
    chosen "$client" || return 1
    [ $# -eq 0 ] || has "$@" || {
        say "$client: this host has none"
        return 1
    }
    before=$changes fitting='' others=''
}

# put KIND PATH MODE <CONTENT
put() {
    kind=$1 path=$2 mode=$3
    cat >"$work/content"
    case $mode in *00) fill ;; esac
    guard "$path"
    : >"$work/before"
    origin=$(origin_of "$path") ours=''
    # It is still what it was before where a run was cut off just there.
    if [ ! -f "$root$path" ] || is_ours "$path" "$root$path" || { [ -n "$origin" ] && same "$state/kept/$origin" "$path"; }; then
        ours=yes
    fi
    if [ -n "$origin" ] && [ -n "$ours" ]; then
        # What it was without us counts.
        old=$root$state/kept/$origin
        [ ! -L "$old" ] || old=$old.bytes
        if [ -f "$old" ]; then cat <"$old" >"$work/before"; fi
    elif [ -f "$root$path" ]; then
        cat <"$root$path" >"$work/before"
    fi
    if ! meets "$work/before"; then
        : >"$work/conditions"
        [ -z "$otherwise" ] || say "$client: $path is left as it is: $otherwise"
        return 0
    fi
    : >"$work/conditions"
    say "$path" >>"$work/wanted"
    change "$kind" "$path"
    if [ -f "$root$path" ] && cmp -s "$work/new" "$root$path"; then
        say "$client: $path is as it has to be"
        return 0
    fi
    done='(what it was is kept)'
    if [ -n "$origin" ]; then
        if [ -z "$ours" ] && [ "$kind" = whole ]; then
            other=$(beside "$path" "$path" .by-hand)
            [ -n "$dry" ] || write "$root$path" "$other" "$mode"
            say "$client: $path was changed by hand; see $other as well"
        fi
        done='(brought up to date)'
        is_ours "$path" "$work/new" || record ours "$client" "$path" - "$(sum "$work/new")"
    elif there "$path"; then
        keep_file replaced "$path" "$(sum "$work/new")"
    else
        make_folders "$path"
        record new "$client" "$path" - "$(sum "$work/new")"
        done='(new)'
    fi
    if [ -z "$dry" ]; then
        make_folders "$path"
        write "$work/new" "$path" "$mode"
    fi
    changes=$((changes + 1))
    say "$client: $path $done"
}

# Whether a file names something over the network.
leads_outside() {
    grep -v '^[[:blank:]]*[#;]' "$1" | grep -E -q '(http|https|ftp|mirror)://|mirror\+'
}

# aside PATTERN...: sets aside what names other places.
aside() {
    for pattern; do
        for file in "$root${pattern%/*}"/${pattern##*/}; do
            [ -f "$file" ] || continue
            path=${pattern%/*}/${file##*/}
            if grep -F -x -q -e "$path" "$work/wanted" || ! leads_outside "$file"; then continue; fi
            # One that an earlier setup put there is taken back by and by.
            if is_ours "$path" "$file"; then continue; fi
            case $keep in
                *"/${path##*/}/"*)
                    say "$client: $path is left as it is: as --keep says"
                    continue
                    ;;
            esac
            guard "$path"
            last=$(lines '$3 == ENVIRON["asked"] && $1 == "aside"' "$path" | tail -n 1 | cut -f 4)
            # It was kept already where a run was cut off just there.
            { [ -n "$last" ] && same "$state/kept/$last" "$path"; } || keep_file aside "$path" -
            [ -n "$dry" ] || rm -f -- "$file"
            changes=$((changes + 1))
            say "$client: $path is set aside: it names other places"
        done
    done
}

# then_run COMMAND, relaxed SENTENCE, note SENTENCE: what a person is told in the end.
then_run() { [ "$changes" -eq "$before" ] || say "afterwards: $1" >>"$work/last"; }
relaxed() { say "without TLS: $1" >>"$work/last"; }
note() { say "note: $1" >>"$work/last"; }

# ---- And back.

tidy() { [ -n "$dry" ] || rm -f -- "$root$1.airlift-new"; }

# take_away CLIENT PATH
take_away() {
    guard "$2"
    tidy "$2"
    there "$2" || return 0
    if is_ours "$2" "$root$2"; then
        [ -n "$dry" ] || rm -f -- "$root$2"
        say "$1: $2 is gone, as before"
    else
        hand=$((hand + 1))
        say "$1: $2 was changed by hand, and stays"
    fi
    changes=$((changes + 1))
}

# put_back CLIENT PATH NUMBER
put_back() {
    guard "$2"
    tidy "$2"
    if same "$state/kept/$3" "$2"; then return 0; fi
    to=$2
    if [ -f "$root$2" ] && ! is_ours "$2" "$root$2"; then to=$(beside "$state/kept/$3" "$2" .before-airlift); fi
    if [ -z "$dry" ]; then
        mkdir -p -- "$root${2%/*}"
        copy "$state/kept/$3" "$to"
    fi
    changes=$((changes + 1))
    if [ "$to" = "$2" ]; then
        say "$1: $2 is as it was before"
    else
        hand=$((hand + 1))
        say "$1: $2 was changed by hand; see $to as well"
    fi
}

# Takes back the lines of $work/marked that begin with 'take', the last first. The others stay.
take_back() {
    sed '1!G;h;$!d' "$work/marked" >"$work/reversed"
    while IFS="$tab" read -r mark deed whose path kept digest; do
        case $mark$deed in
            takefolder) [ -n "$dry" ] || rmdir "$root$path" 2>/dev/null || : ;;
            takenew) take_away "$whose" "$path" ;;
            takereplaced | takeaside) put_back "$whose" "$path" "$kept" ;;
        esac
    done <"$work/reversed"
    if [ -n "$dry" ]; then return 0; fi
    say "$heading" >"$work/journal"
    left=''
    while IFS="$tab" read -r mark deed whose path kept digest; do
        # A folder stays where somebody else's files are in it.
        if [ "$mark" = stay ] || { [ "$deed" = folder ] && [ -d "$root$path" ]; }; then
            printf '%s\t%s\t%s\t%s\t%s\n' "$deed" "$whose" "$path" "$kept" "$digest" >>"$work/journal"
            case $deed in folder | mirror) ;; *) left=yes ;; esac
        fi
    done <"$work/marked"
    if [ -n "$left" ]; then
        write "$work/journal" "$state/journal" 0600
        while IFS="$tab" read -r mark deed whose path kept digest; do
            if [ "$mark" = take ] && [ "$kept" != - ]; then rm -f -- "$root$state/kept/$kept" "$root$state/kept/$kept.bytes"; fi
        done <"$work/marked"
        return 0
    fi
    rm -rf -- "$root$state"
    sed '1!G;h;$!d' "$work/journal" >"$work/reversed"
    while IFS="$tab" read -r deed whose path kept digest; do
        [ "$deed" != folder ] || rmdir "$root$path" 2>/dev/null || :
    done <"$work/reversed"
}

revert() {
    if [ ! -f "$journal" ]; then
        say 'This host is not set up: there is nothing to put back.'
        exit 0
    fi
    while IFS="$tab" read -r deed whose path kept digest; do
        [ -n "$digest" ] || continue
        mark=stay
        if [ "$deed" = mirror ]; then
            [ -n "$only" ] || mark=take
        elif [ "$whose" != - ] && chosen "$whose"; then
            mark=take
        fi
        printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$mark" "$deed" "$whose" "$path" "$kept" "$digest"
    done <"$journal" >"$work/marked"
    take_back
    if [ "$hand" -gt 0 ]; then
        say "$hand of these files were changed by hand since, and stay as they are: look at them." >&2
        exit 1
    fi
    exit 0
}

# Takes back what an earlier setup wanted, and this one does not; writes down which mirror it is.
finish() {
    stale=''
    if [ -f "$journal" ]; then
        while IFS="$tab" read -r deed whose path kept digest; do
            [ -n "$digest" ] || continue
            mark=stay
            if [ "$whose" != - ] && chosen "$whose"; then
                case $deed in
                    new | replaced | ours) grep -F -x -q -e "$path" "$work/wanted" || mark=take ;;
                    aside)
                        case " $listed " in *" $whose "*) ;; *) mark=take ;; esac
                        case $keep in *"/${path##*/}/"*) mark=take ;; esac
                        ;;
                    folder)
                        asked=$path awk 'index($0, ENVIRON["asked"] "/") == 1 { found = 1; exit } END { exit !found }' \
                            "$work/wanted" || mark=take
                        ;;
                esac
            fi
            if [ "$mark" = take ]; then stale=yes; fi
            printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$mark" "$deed" "$whose" "$path" "$kept" "$digest"
        done <"$journal" >"$work/marked"
    fi
    if [ -n "$stale" ]; then take_back; fi
    if [ "$changes" -gt 0 ] && [ -f "$journal" ]; then
        [ "$(lines '$1 == "mirror"' | tail -n 1 | cut -f 3)" = "$mirror" ] || record mirror - "$mirror" - -
    fi
    cat "$work/last"
    if [ "$changes" -eq 0 ]; then
        say 'Nothing had to be changed.'
    elif [ -n "$dry" ]; then
        say 'Nothing was changed: this is what would be.'
    else
        say 'To put everything back: sh setup.sh --revert'
    fi
}
