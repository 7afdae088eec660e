# A host, from its first process on: a root of its own, then its real init.
# usage: sh init.sh FOLDER NAME INIT SHARED...   (in new namespaces)
# It writes "up" once the root stands, or what this machine lacks.
set -eu
folder=$1 name=$2 init=$3
shift 3
mkdir "$folder/work" "$folder/root"

# Whatever is mounted from here on stays here: systemd empties the /tmp that it sees, for one.
mount --make-rprivate /
mount -t overlay overlay -o "lowerdir=/,upperdir=$folder/upper,workdir=$folder/work" \
    -o volatile,redirect_dir=off,metacopy=off,index=off "$folder/root" ||
    { echo "no overlay on $(stat -f -c %T "$folder"): point TMPDIR elsewhere" && exit 1; }
cd "$folder/root"

mount -t proc proc proc
# The kernel's settings are the machine's own, but those of networks.
mount --bind proc/sys proc/sys
mount --bind proc/sys/net proc/sys/net
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=755 tmpfs dev
mkdir dev/pts dev/shm run/lock run/sshd
mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts dev/pts
mount -t tmpfs tmpfs dev/shm
for node in null:3 zero:5 full:7 random:8 urandom:9; do
    mknod -m 666 "dev/${node%:*}" c 1 "${node#*:}"
done
mknod -m 666 dev/tty c 5 0
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
for stream in 0:stdin 1:stdout 2:stderr; do
    ln -s "/proc/self/fd/${stream%:*}" "dev/${stream#*:}"
done
for shared; do
    mkdir -p ".$shared"
    mount --rbind "$shared" ".$shared"
done

# Of the machine's own services none is started, and of systemd's only what a host without devices needs.
rm -rf etc/systemd/system/*.wants etc/rc?.d/*
for unit in usr/lib/systemd/system/*.wants/*; do
    case ${unit##*/} in
    systemd-journald.s* | systemd-journald-dev-log.socket | systemd-tmpfiles-setup.service | dbus.*) ;;
    *) rm "$unit" ;;
    esac
done
if [ -e usr/lib/systemd/system/ssh.service ]; then ssh=ssh; else ssh=sshd; fi
mkdir -p etc/systemd/system/multi-user.target.wants
ln -s "/usr/lib/systemd/system/$ssh.service" etc/systemd/system/multi-user.target.wants/

hostname "$name"
ip link set lo up
pivot_root . .
umount -l .
cd /
echo up
exec env -i container=lab PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin $init >&2
