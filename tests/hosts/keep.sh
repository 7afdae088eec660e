# Runs a command that fills a control group with processes, and ends them all once our standard input ends.
# Whoever started us holds the other end of that pipe, so nothing of it outlives them, however they die.
# usage: sh keep.sh GROUP COMMAND...
group=$1
shift
mkdir "$group"
"$@" </dev/null &
exec >&-
read -r _
until rmdir "$group" 2>/dev/null; do
    [ -d "$group" ] || break
    echo 1 >"$group/cgroup.kill"
    find "$group" -depth -mindepth 1 -type d -exec rmdir {} + 2>/dev/null
    sleep 0.01
done
wait
