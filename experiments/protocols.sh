#!/usr/bin/env bash
# One table of all protocols, on this machine, in one run: the same shell, store,
# batching and clients for each; and a model, drawn from its figures, of what
# more machines would do.
#
#   bash experiments/protocols.sh [--seconds N] [--durability memory|fsync]
#        [--clients N] [--pipeline N] [--conflicts "0 2 10"]
#
# Each row has a cluster of its own. CPU and messages a command are those of all
# nodes of a role together: "all" is a node that has every role; the last column
# names the role, and its shard or group, whose node works most. The model: every
# machine has one core for the node; k machines a role are k leaders, k shards of
# the dependency service and k groups of acceptors, of three nodes each, not more
# nodes that are asked. What a dependency node or an acceptor does for a command
# has a part that is divided by k and one that is not (instances that touch every
# shard), and a leader has something to do for each shard: both are drawn from the
# rows with one and with two of each. An executor applies every command, whatever
# their number; a co-located replica does every job for every command. No network,
# disk or client limits. It says where the costs measured here would put the
# limit, not what a real cluster does.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=3
durability=memory
clients=120
pipeline=100
conflicts="0 2 10 50 100"
usage() {
  echo "usage: protocols.sh [--seconds N] [--durability memory|fsync]" \
    "[--clients N] [--pipeline N] [--conflicts \"0 2 10\"]" >&2
  exit 2
}
while [ $# -gt 0 ]; do
  [ $# -ge 2 ] || usage
  case $1 in
    --seconds) seconds=$2 ;;
    --durability) durability=$2 ;;
    --clients) clients=$2 ;;
    --pipeline) pipeline=$2 ;;
    --conflicts) conflicts=$2 ;;
    *) usage ;;
  esac
  shift 2
done

. experiments/common.sh
need_numbers --seconds "$seconds"
need_numbers --clients "$clients"
need_numbers --pipeline "$pipeline"
need_numbers --conflicts "$conflicts"
build quorate >&2
directory=$(new_directory protocols)
results=()

# row NAME BENCH-OPTIONS [LOCAL-UP-OPTION...]
row() {
  local name=$1 bench_options=$2 conflict run
  shift 2
  for conflict in $conflicts; do
    run="$directory/$name/$conflict"
    mkdir -p "$run"
    echo "== $name, $conflict % conflicts" >&2
    "$quorate" local up --dir "$run/cluster" --durability "$durability" "$@" \
      >"$run/up.txt"
    cluster=$run/cluster
    # shellcheck disable=SC2086
    if "$quorate" bench --config "$run/cluster/cluster.toml" $bench_options \
      --clients "$clients" --pipeline "$pipeline" --conflict "$conflict" \
      --warmup 1 --duration "$seconds" --quiet --out "$run/$name.json" \
      >"$run/bench.txt" 2>&1; then
      results+=("$run/$name.json")
    else
      cat "$run/bench.txt" >&2
      exit 1
    fi
    stop_cluster
    rm -rf "$run/cluster"
  done
}

row "epaxos" ""
row "epaxos-atlas" "" --fast-path atlas
row "unanimous" "" --fast-path unanimous
row "bpaxos" "" --protocol bpaxos
row "bpaxos-roles" "" --protocol bpaxos \
  --leaders 2 --depsvc 3 --acceptors 3 --executors 2
row "bpaxos-parts" "" --protocol bpaxos --leaders 2 --executors 2 \
  --depsvc-shards 2 --acceptor-groups 2
row "multipaxos-leader" "--node r1" --protocol multipaxos
row "multipaxos-elsewhere" "--node r2" --protocol multipaxos

"$quorate" report --roles "${results[@]}" | tee "$directory/table.md"

# cost RESULT ROLE FIELD: of the first conflict share.
first=${conflicts%% *}
cost() {
  awk -v role="\"$2\":" -v field="\"$3\":" '
    /"cost_by_role"/ { inside = 1 }
    inside && $1 == role { found = 1 }
    found && $1 == field { gsub(/,/, "", $2); print $2; exit }' \
    "$directory/$1/$first/$1.json"
}
busiest=busiest_node_cpu_us_per_command
{
  printf 'machines\tepaxos\tmultipaxos\tbpaxos\tlimit\n'
  for ((machines = 1; machines <= 16; ++machines)); do
    awk -v k="$machines" -v replica="$(cost epaxos all $busiest)" \
      -v baseline="$(cost multipaxos-leader all $busiest)" \
      -v leader="$(cost bpaxos-roles leader cpu_us_per_command)" \
      -v leader2="$(cost bpaxos-parts leader cpu_us_per_command)" \
      -v depsvc="$(cost bpaxos-roles depsvc $busiest)" \
      -v depsvc2="$(cost bpaxos-parts depsvc $busiest)" \
      -v acceptor="$(cost bpaxos-roles acceptor $busiest)" \
      -v acceptor2="$(cost bpaxos-parts acceptor $busiest)" \
      -v executor="$(cost bpaxos-roles executor $busiest)" '
      # From its cost undivided and in two: what is left of it in k parts.
      function divided(one, two,  part) {
        part = 2 * (one - two)
        if (part < 0) part = 0
        if (part > one) part = one
        return one - part + part / k
      }
      function limit(name, rate) {
        if (least == "" || rate < least) { least = rate; who = name }
      }
      BEGIN {
        more = leader2 > leader ? leader2 - leader : 0
        limit("leader", k / (leader + more * (k - 1)))
        limit("depsvc", 1 / divided(depsvc, depsvc2))
        limit("acceptor", 1 / divided(acceptor, acceptor2))
        limit("executor", 1 / executor)
        printf "%d\t%.3f\t%.3f\t%.3f\t%s\n", k, 1 / replica, 1 / baseline,
          least, who
      }'
  done
} >"$directory/scaling.tsv"
command -v gnuplot >/dev/null || {
  echo "no picture: gnuplot is not installed" >&2
  exit 0
}
for terminal in "svg size 900,520" "pngcairo size 900,520"; do
  extension=${terminal%%[ c]*}
  gnuplot <<END
set terminal $terminal font "sans,11"
set output "$directory/scaling.$extension"
set title "Model from the CPU a command measured here ($first % conflicts): \
one core a machine, no network, disk or client limits"
set xlabel "machines a role (leaders, dependency shards, acceptor groups)"
set ylabel "million commands a second"
set yrange [0:*]
set grid
set key bottom right
set datafile separator "\t"
plot for [i=2:4] "$directory/scaling.tsv" using 1:i with linespoints \
  title columnheader(i)
END
done
echo "saved $directory/table.md and scaling.svg" >&2
