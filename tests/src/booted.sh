# Boots a host of its own in namespaces, over the files of this machine.
#
#   unshare --mount --pid --net --uts --ipc --cgroup --fork --kill-child -- sh booted.sh WORK SHARED systemd|none
#
# WORK is an empty folder; what is written to files of this machine goes into memory there and ends with the namespaces.
# SHARED is a folder of this machine that is /srv/shared inside. The first process is systemd, or one that only waits.
set -eu
work=$1 shared=$2 init=$3 root=$1/root

mount -t tmpfs tmpfs "$work"
mkdir "$work/upper" "$work/work" "$root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$work/upper,workdir=$work/work" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
mkdir -p "$root/srv/shared"
mount --bind "$shared" "$root/srv/shared"

mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for node in null zero full random urandom tty; do
  touch "$root/dev/$node"
  mount --bind "/dev/$node" "$root/dev/$node"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
mount -t tmpfs tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
for stream in stdin:0 stdout:1 stderr:2; do
  ln -s "/proc/self/fd/${stream#*:}" "$root/dev/${stream%:*}"
done

# A machine of its own, on which nothing of this one starts by itself.
: >"$root/etc/machine-id"
ip link set lo up
ip address add 10.77.0.1/32 dev lo
printf '127.0.0.1 localhost\n10.77.0.1 mirror\n' >"$root/etc/hosts"

cd "$root"
mkdir -p old
pivot_root . old
umount -l /old
path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
if [ "$init" = systemd ]; then
  exec env -i container=airlift PATH="$path" /lib/systemd/systemd --unit=basic.target --log-target=journal
fi
exec env -i PATH="$path" sh -c 'while :; do sleep 3600 & wait $!; done'
