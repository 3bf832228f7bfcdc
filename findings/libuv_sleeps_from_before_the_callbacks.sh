#!/usr/bin/env bash
# libuv 1.44.2 sleeps from a time before the callbacks of the turn ran.
#
# One would guess: before the loop sleeps until the next timer it looks at the clock, so
#   that a callback that ran long makes a due timer fire at once.
# What happens: the sleep is "the next timer's due time minus the loop's time", and the
#   loop's time is that of the beginning of the turn. With one timer at 10 ms whose
#   callback takes 200 ms, another one due at 190 ms is already late when the turn ends,
#   and yet the loop sleeps for another 180 ms: it fires at about 390 ms. Where
#   uv_update_time is called at the end of the callback it fires at about 210 ms.
# Version: Debian 12's libuv1-dev 1.44.2-1+deb12u1.
# Why it matters: heartbeats, elections, retransmissions and suspicion are such timers. A
#   node that worked through a long batch or paused for a second is late by that once more
#   and is taken for dead by its peers, exactly when it has just come back. A consensus
#   node's loop has to update its time itself where a turn ends.
#
# Needs a C compiler, dpkg and apt's lists. Takes two seconds.
set -euo pipefail
version=1.44.2-1+deb12u1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder"
cd "$folder"
apt-get -qq download "libuv1-dev=$version" "libuv1=$version" 2>/dev/null
for package in *.deb; do dpkg -x "$package" root; done
library=$(dirname "$(find root -name libuv.so.1)")

cat >late.c <<'END'
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

static uint64_t begin;
static int update;

static double now(void) { return (double)(uv_hrtime() - begin) / 1e6; }

static void busy(uv_timer_t* timer) {
  double end = now() + 200;
  while (now() < end) {
  }
  if (update) uv_update_time(timer->loop);
}

static void due(uv_timer_t* timer) {
  (void)timer;
  printf("%.0f\n", now());
}

int main(int argc, char** argv) {
  uv_timer_t first, second;
  update = argc > 1;
  (void)argv;
  uv_timer_init(uv_default_loop(), &first);
  uv_timer_init(uv_default_loop(), &second);
  uv_update_time(uv_default_loop());
  begin = uv_hrtime();
  uv_timer_start(&first, busy, 10, 0);
  uv_timer_start(&second, due, 190, 0);
  return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
END
cc -O1 -Iroot/usr/include late.c -o late "$library/libuv.so.1" -lpthread
plain=$(LD_LIBRARY_PATH=$library ./late)
updated=$(LD_LIBRARY_PATH=$library ./late update)
echo "libuv $version: a timer due at 190 ms, the loop busy from 10 to 210 ms"
echo "as it is:                      fires at $plain ms"
echo "uv_update_time after the work: fires at $updated ms"
# 380 is what the sleep makes of it on any machine; a slower one only adds.
if [ "$plain" -ge 380 ] && [ "$updated" -lt "$((plain - 100))" ]; then
  echo "as described"
else
  echo "NOT as described any more" >&2
  exit 1
fi
