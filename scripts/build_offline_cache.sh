#!/usr/bin/env bash
# Downloads everything that an offline build of DeepOps needs, and packs it into /tmp/deepops-archive.tar.
#
#   ./scripts/build_offline_cache.sh [-e NAME=VALUE]... [options of `airlift collect`]
#
# It is a thin way to call `airlift collect`, for who knows the script of this name that DeepOps had from 2019 to 2021. That
# script's variables are understood, from the environment or by -e, as `airlift collect` has them today:
#
#   DEST_DIR, offline_cache_dir              where what was downloaded is kept (/tmp/deepops)
#   TARBALL, tar_file_path                   the archive (/tmp/deepops-archive.tar)
#   DEEPOPS_BUILD_TARBALL, build_tar_file    no archive where it is 0 or no
#   download_yum_repos, yum_repos_to_sync    package repositories: NVIDIA's unless others are named, none where the first is no
#   download_docker_images, download_helm_repos, download_pip_packages, download_deepops_repo
#
# Every other -e goes to `airlift collect` as it is; `airlift profile list` names them. An old variable from which nothing
# follows any more is said aloud. The program is looked for in target/dist and PATH, and built where it is not there.
set -euo pipefail

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# What the old script and the old role knew, and why nothing follows from it here.
without_meaning='
DEEPOPS_CONFIG_DIR             the profile says what travels; a manifest of your own adds to it
HELM_DEST_DIR                  everything is kept in DEST_DIR
HELM_STABLE_CHARTS_URL         name a chart repository under helm: in a manifest of your own
HELM_ROOK_CHARTS_URL           -e addons=rook brings that chart
HELM_COREOS_CHARTS_URL         -e addons=monitoring brings the charts that took its place
HELM_JUPYTER_CHARTS_URL        name a chart repository under helm: in a manifest of your own
docker_image_list              name images under images: in a manifest of your own
docker_http_timeout            --stall SECONDS says how long a silent upstream is waited for
pip_package_list               name packages under python: in a manifest of your own
helm_chart_git_repos           name a chart repository under helm: in a manifest of your own
helm_download_url              the profile has the Helm that DeepOps installs today
rook_helm_chart_url            -e addons=rook brings that chart
docker_compose_url             the profile has the one that DeepOps installs today
ksonnet_url                    DeepOps does not use ksonnet any more
kubectl_url                    -e addons=remote_kubectl brings it
yum_repo_gpg_keys              each repository of the profile has its keys
deepops_repo_url               name a repository under git: in a manifest of your own
deepops_repo_dest_path         the repository is served for git clone; it has no folder of its own
deepops_centos_slurm_url       the profile has the Slurm that DeepOps builds today
centos_iso                     name the file under files: in a manifest of your own
centos_iso_mirror              name the file under files: in a manifest of your own
'
# These belong to the host behind the gap.
other_side='deepops_dest_path extract_path build_yum_mirror build_apt_mirror build_docker_registry build_helm_mirror
build_pip_mirror build_misc_mirror build_git_mirror build_galaxy_mirror upload_docker_images upload_helm_chats docker_dest_registry
yum_mirror_port helm_port pip_port nginx_misc_port deepops_dest_owner deepops_dest_group'

# The variable of the profile that an old switch means today.
switches='
download_docker_images container_images
download_helm_repos helm_charts
download_pip_packages python_packages
download_deepops_repo git_repositories
'

say() { printf 'build_offline_cache: %s\n' "$*" >&2; }
fail() { printf 'build_offline_cache: error: %s\n' "$*" >&2; exit 2; }

# yes or no, in Ansible's and the shell's words.
truth() {
  case ${2,,} in
    1 | y | yes | on | true) echo true ;;
    0 | n | no | off | false) echo false ;;
    *) fail "$1 is '$2', and neither yes nor no" ;;
  esac
}

# The first of these variables that was set, by -e or else in the environment.
declare -A given=()
old() {
  local name
  for name in "$@"; do
    if [ -n "${given[$name]+set}" ]; then
      printf '%s' "${given[$name]}"
      return
    fi
    if [ -n "${!name+set}" ]; then
      printf '%s' "${!name}"
      return
    fi
  done
  return 1
}

is_old() {
  grep -qxE "($1)( .*)?" <<<"$switches" || grep -qE "^$1 " <<<"$without_meaning" || grep -qw -- "$1" <<<"$other_side" ||
    case $1 in
      DEST_DIR | offline_cache_dir | TARBALL | tar_file_path | DEEPOPS_BUILD_TARBALL | build_tar_file | download_yum_repos | yum_repos_to_sync) ;;
      *) false ;;
    esac
}

# Which repositories yum_repos_to_sync means today.
repositories() {
  local name nvidia=false
  # shellcheck disable=SC2086 # a list, as YAML, JSON or words
  for name in $(tr -d "[]\"'-" <<<"${1//docker-/docker_}" | tr ',' ' '); do
    case $name in
      base | updates | extras | centosplus) collect+=(-e distribution_repositories=true) ;;
      epel) collect+=(-e epel_repository=true) ;;
      docker_cestable | docker_engine) collect+=(-e docker_repository=true) ;;
      libnvidiacontainer | nvidiacontainerruntime | nvidiadocker | nvidiaml | cuda) nvidia=true ;;
      *) say "yum_repos_to_sync names '$name', which is none of DeepOps': name it under yum: in a manifest of your own" ;;
    esac
  done
  collect+=(-e "nvidia_repositories=$nvidia")
}

# Which package repositories travel: "no" means none, whatever is named, and "yes" those that are named.
packages() {
  local list name wanted=true
  if name=$(old download_yum_repos); then wanted=$(truth download_yum_repos "$name"); fi
  if [ "$wanted" = false ]; then
    old yum_repos_to_sync >/dev/null && say "download_yum_repos is no, so nothing follows from yum_repos_to_sync"
    for name in nvidia_repositories distribution_repositories epel_repository docker_repository; do
      collect+=(-e "$name=false")
    done
  elif list=$(old yum_repos_to_sync); then
    repositories "$list"
  elif old download_yum_repos >/dev/null; then
    collect+=(-e nvidia_repositories=true)
  fi
}

# Takes what one -e says: a variable or, as in Ansible, several with blanks between them. A word that assigns nothing goes on
# with the list of the old variable before it.
take() {
  local text word name last='' others=() found=false
  if [[ $1 =~ ^[[:blank:]]*[@{] ]]; then
    rest+=(-e "$1")
    return
  fi
  text=$(xargs printf '%s\n' <<<"$1" 2>/dev/null) || fail "-e $1: a quotation mark is not closed"
  while IFS= read -r word; do
    name=${word%%=*}
    if [[ $word == *=* && $name =~ ^[A-Za-z_]+$ ]] && is_old "$name"; then
      given[$name]=${word#*=} last=$name found=true
    elif [[ -n $last && $word != *=* ]]; then
      given[$last]+=" $word"
    else
      last='' others+=(-e "$(printf %q "$word")")
    fi
  done <<<"$text"
  # What has nothing of old is left as it was typed.
  if [ "$found" = true ]; then rest+=("${others[@]}"); else rest+=(-e "$1"); fi
}

program() {
  local built="$repository/target/dist/airlift"
  if [ -x "$built" ]; then
    echo "$built"
  elif command -v airlift; then
    :
  elif command -v cargo >/dev/null; then
    say "airlift is neither in target/dist nor in PATH, so it is built; this takes some minutes, once"
    (cd "$repository" && cargo xtask dist) >&2 && echo "$built"
  else
    fail "there is no airlift in target/dist or PATH, and no cargo to build it with: put the program into PATH"
  fi
}

collect=()
rest=()
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) sed -n '2,17s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit ;;
    -e | --extra-vars) [ $# -gt 1 ] || fail "-e needs NAME=VALUE"; take "$2"; shift 2 ;;
    -e*) take "${1#-e}"; shift ;;
    --extra-vars=*) take "${1#*=}"; shift ;;
    *) rest+=("$1"); shift ;;
  esac
done

while read -r name reason; do
  [ -n "$name" ] && old "$name" >/dev/null && say "$name is set, and nothing follows from it: $reason"
done <<<"$without_meaning"
for name in $other_side; do
  old "$name" >/dev/null && say "$name is set, and means nothing here: it belongs to playbooks/build-offline-mirrors.yml"
done

if folder=$(old offline_cache_dir DEST_DIR); then collect+=(--store "$folder"); fi
if archive=$(old tar_file_path TARBALL); then collect+=(-o "$archive"); fi
# Each truth has a line of its own: what is neither ends the script only there.
if wanted=$(old build_tar_file DEEPOPS_BUILD_TARBALL); then
  wanted=$(truth 'the switch of the archive' "$wanted")
  [ "$wanted" = true ] || collect+=(--no-archive)
fi
packages
while read -r name today; do
  if [ -n "$name" ] && wanted=$(old "$name"); then
    wanted=$(truth "$name" "$wanted")
    collect+=(-e "$today=$wanted")
  fi
done <<<"$switches"

airlift=$(program)
set -- "$airlift" collect "${collect[@]}" "${rest[@]}"
say "$(printf '%q ' "$@")"
exec "$@"
