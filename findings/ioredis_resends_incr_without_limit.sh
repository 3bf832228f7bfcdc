#!/usr/bin/env bash
# ioredis executes one INCR dozens of times, whatever maxRetriesPerRequest says.
#
# One would guess: maxRetriesPerRequest: 1 lets a command be sent twice at most, and a
#   command that is not idempotent is not sent again at all once it may have been
#   executed, as node-redis does it (the call fails: "Socket closed unexpectedly").
# What happens: a server, or a balancer before it, that loses the connection between
#   executing a command and answering it gets the command again after each reconnect,
#   without end. maxRetriesPerRequest bounds reconnects that fail in a row; a connection
#   that comes up sets its count back to zero, so it never counts the sends of a command.
# Versions: ioredis 6.0.0 beside redis 6.3.1 (npm), Node.js 20.
# Why it matters: a counter behind a store that fails over is wrong in silence by the
#   number of attempts. A server must not close a connection between executing a command
#   and answering it, has to answer an error within its own deadline instead, and can
#   only be safe against such clients by a number that identifies the request.
#
# Needs node 18 or newer and npm. Takes about fifteen seconds.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund ioredis@6.0.0 redis@6.3.1 >/dev/null

cat >client.js <<'END'
// A server that speaks enough RESP for a handshake, counts the INCRs it executes and
// loses the connection before it answers them; then one client with one INCR.
const net = require('net');

// The first command in `bytes` and what follows it, or null.
function take(bytes) {
  const text = bytes.toString('latin1');
  const line = text.indexOf('\r\n');
  if (text[0] !== '*' || line < 0) return null;
  const words = [];
  let at = line + 2;
  for (let left = Number(text.slice(1, line)); left > 0; left--) {
    const end = text.indexOf('\r\n', at);
    if (end < 0) return null;
    const length = Number(text.slice(at + 1, end));
    if (text.length < end + 4 + length) return null;
    words.push(text.slice(end + 2, end + 2 + length));
    at = end + 4 + length;
  }
  return { words, rest: bytes.subarray(at) };
}

const bulk = (text) => `$${text.length}\r\n${text}\r\n`;
const answers = {
  hello: '%3\r\n' + bulk('server') + bulk('redis') + bulk('version') + bulk('7.2.0') + bulk('proto') + ':3\r\n',
  info: bulk('redis_version:7.2.0\r\nloading:0\r\nrole:master\r\n'),
};
let executed = 0;
const server = net.createServer((socket) => {
  let bytes = Buffer.alloc(0);
  socket.on('error', () => {});
  socket.on('data', (data) => {
    bytes = Buffer.concat([bytes, data]);
    for (let next = take(bytes); next !== null; next = take(bytes)) {
      bytes = next.rest;
      const command = next.words[0].toLowerCase();
      if (command === 'incr') {
        executed++;
        socket.destroy();
        return;
      }
      socket.write(answers[command] || '+OK\r\n');
    }
  });
});

server.listen(0, '127.0.0.1', async () => {
  const port = server.address().port;
  let outcome = 'not answered, no error';
  let call;
  if (process.argv[2] === 'ioredis') {
    const Redis = require('ioredis');
    const client = new Redis({ host: '127.0.0.1', port, maxRetriesPerRequest: 1 });
    client.on('error', () => {});
    call = client.incr('visits');
  } else {
    const client = require('redis').createClient({ url: `redis://127.0.0.1:${port}` });
    client.on('error', () => {});
    await client.connect();
    call = client.incr('visits');
  }
  call.then((value) => { outcome = `answered ${value}`; }, (error) => { outcome = `failed: ${error.message}`; });
  setTimeout(() => {
    console.log(`${executed} ${outcome}`);
    process.exit(0);
  }, 5000);
});
END

node_redis=$(node client.js redis)
ioredis=$(node client.js ioredis)
echo "one INCR, five seconds, every connection lost between execution and answer"
echo "redis 6.3.1:                             executed ${node_redis%% *} time(s), ${node_redis#* }"
echo "ioredis 6.0.0, maxRetriesPerRequest: 1:  executed ${ioredis%% *} time(s), ${ioredis#* }"
if [ "${node_redis%% *}" -eq 1 ] && [ "${ioredis%% *}" -gt 5 ]; then
  echo "as described"
else
  echo "NOT as described any more" >&2
  exit 1
fi
