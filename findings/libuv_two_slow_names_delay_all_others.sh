#!/usr/bin/env bash
# Two host names that resolve slowly keep libuv from resolving any third one.
#
# One would guess: uv_getaddrinfo is asynchronous and the thread pool has four threads,
#   so that a name whose server does not answer delays nobody but who asked; and a
#   question that is no longer wanted can be cancelled (uv_cancel).
# What happens: libuv lets at most half of the pool do such slow work, so two questions
#   that wait (resolv.conf's usual five seconds a server) delay every other one, an
#   address in /etc/hosts included, by all of their time. uv_cancel of one that runs
#   returns UV_EBUSY, and uv_run does not return before it has ended.
# Version: Debian 12's libuv1-dev 1.44.2-1+deb12u1.
# Why it matters: a node that resolves its peers' names at each dial cannot reach the
#   living ones, nor stop, while two dead names hang: an outage of the name service, or
#   two decommissioned hosts, becomes one of the cluster. Such look-ups want threads of
#   their own that nobody waits for.
#
# The slow name service is played by a getaddrinfo of the program's own that sleeps for
# names beginning with "slow". Needs a C compiler, dpkg and apt's lists. Takes ten seconds.
set -euo pipefail
version=1.44.2-1+deb12u1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder"
cd "$folder"
apt-get -qq download "libuv1-dev=$version" "libuv1=$version" 2>/dev/null
for package in *.deb; do dpkg -x "$package" root; done
library=$(dirname "$(find root -name libuv.so.1)")

cat >names.c <<'END'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

int getaddrinfo(const char* name, const char* service,
                const struct addrinfo* hints, struct addrinfo** found) {
  int (*real)(const char*, const char*, const struct addrinfo*,
              struct addrinfo**) = dlsym(RTLD_NEXT, "getaddrinfo");
  if (strncmp(name, "slow", 4) == 0) sleep(3);
  return real(name, service, hints, found);
}

static uint64_t begin;
static uv_getaddrinfo_t requests[3];

static unsigned elapsed(void) {
  return (unsigned)((uv_hrtime() - begin) / 1000000);
}

static void resolved(uv_getaddrinfo_t* request, int status,
                     struct addrinfo* found) {
  if (request == &requests[2]) printf("localhost %u\n", elapsed());
  if (status == 0) uv_freeaddrinfo(found);
}

static void cancel(uv_timer_t* timer) {
  (void)timer;
  printf("cancel %s\n", uv_err_name(uv_cancel((uv_req_t*)&requests[0])));
}

int main(int argc, char** argv) {
  const char* slow[] = {"slow1.invalid", "slow2.invalid"};
  int count = argc > 1 ? argv[1][0] - '0' : 0;
  uv_loop_t* loop = uv_default_loop();
  uv_timer_t timer;
  begin = uv_hrtime();
  for (int i = 0; i < count; ++i) {
    uv_getaddrinfo(loop, &requests[i], resolved, slow[i], "1", NULL);
  }
  uv_getaddrinfo(loop, &requests[2], resolved, "localhost", "1", NULL);
  uv_timer_init(loop, &timer);
  if (count > 0) uv_timer_start(&timer, cancel, 500, 0);
  uv_run(loop, UV_RUN_DEFAULT);
  printf("loop %u\n", elapsed());
  return 0;
}
END
cc -O1 -Iroot/usr/include names.c -o names "$library/libuv.so.1" -lpthread -ldl
ask() { LD_LIBRARY_PATH=$library ./names "$1"; }
none=$(ask 0)
one=$(ask 1)
two=$(ask 2)
# of WORD TEXT
of() { awk -v word="$1" '$1 == word { print $2 }' <<<"$2"; }
echo "libuv $version, slow names take 3 s each"
echo "beside no slow name:   localhost after $(of localhost "$none") ms"
echo "beside one slow name:  localhost after $(of localhost "$one") ms"
echo "beside two slow names: localhost after $(of localhost "$two") ms;" \
  "uv_cancel of a slow one: $(of cancel "$two"); the loop ended after $(of loop "$two") ms"
if [ "$(of localhost "$one")" -lt 2000 ] && [ "$(of localhost "$two")" -ge 2900 ] &&
  [ "$(of cancel "$two")" = EBUSY ] && [ "$(of loop "$two")" -ge 2900 ]; then
  echo "as described"
else
  echo "NOT as described any more" >&2
  exit 1
fi
