# A container engine that keeps everything in one folder, and serves Docker's API on the socket there.
# usage: sh engine.sh KIND FOLDER [machine]   ("machine": what else it would touch is hidden from the machine)
set -eu
kind=$1 folder=$2
if [ "${3-}" ]; then
    # Its control groups end with ours; addresses, keys and caches that it writes elsewhere stay in the folder.
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
    mount -t tmpfs tmpfs /run
    for part in etc var/lib; do
        mkdir -p "$folder/$part" "$folder/work/$part"
        mount -t overlay overlay -o "lowerdir=/$part,upperdir=$folder/$part,workdir=$folder/work/$part" "/$part" ||
            { echo "no overlay on $(stat -f -c %T "$folder"): point TMPDIR elsewhere" && exit 1; }
    done
    network="--bridge=none --iptables=false"
else
    # Commands of the host look for it there.
    ln -s "$folder/sock" /run/docker.sock
fi
mkdir "$folder/tmp"
export TMPDIR="$folder/tmp" CONTAINERS_CONF="$folder/containers.conf" CONTAINERS_STORAGE_CONF="$folder/storage.conf"
cat >"$folder/containers.conf" <<END
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
pids_limit = 0
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
runtime = "runc"
END
cat >"$folder/storage.conf" <<END
[storage]
driver = "overlay"
graphroot = "$folder/images"
runroot = "/run/engine"
END
# podman cleans up after a container only where this path is shorter than 50 characters.
mkdir /run/engine
echo up
case $kind in
docker)
    exec dockerd --data-root "$folder/images" --exec-root /run/engine --pidfile "$folder/pid" \
        --host "unix://$folder/sock" --storage-driver overlay2 ${network-} >&2
    ;;
podman) exec podman --tmpdir /run/engine system service --time 0 "unix://$folder/sock" >&2 ;;
esac
