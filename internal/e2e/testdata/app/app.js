// An Express app that drains on SIGTERM. The environment makes it start late, use memory
// from the start, leak, or use it only once it drains.
'use strict';

const express = require('express');

const number = (name) => Number(process.env[name] ?? 0);
const held = [];
const hold = (mib) => held.push(Buffer.alloc(Math.round(mib * 1024 * 1024), 1));

// leak follows the clock, because timers are late on a busy machine.
function leak(mibPerSecond) {
  const began = Date.now();
  let leaked = 0;
  setInterval(() => {
    const due = (mibPerSecond * (Date.now() - began)) / 1000;
    hold(due - leaked);
    leaked = due;
  }, 100);
}

let terms = 0;
const app = express();
const answer = (res) => {
  if (terms > 0) res.set('Connection', 'close');
  res.send(`${process.pid}\n`);
};
app.get('/', (req, res) => answer(res));
app.get('/slow', (req, res) => setTimeout(answer, 2000, res));

// serve listens once START_SECONDS have passed.
function serve() {
  const server = app.listen(Number(process.env.PORT), () => console.log('app is up'));
  server.keepAliveTimeout = 60000;
  process.on('SIGTERM', () => {
    terms += 1;
    if (terms > 1) return;
    console.log('app is draining');
    if (number('DRAIN_HOLD_MIB') > 0) hold(number('DRAIN_HOLD_MIB'));
    // Clients that keep a connection alive get a last response first.
    setTimeout(() => server.close(() => {
      console.log(`app has drained after ${terms} SIGTERM`);
      process.exit(0);
    }), 1000);
  });
}

// leakHeap fills V8's own heap, where Buffers do not count.
function leakHeap() {
  setInterval(() => {
    for (let i = 0; i < 50000; i += 1) held.push({ i, text: `${i} is kept` });
  }, 10);
}

if (number('HOLD_MIB') > 0) hold(number('HOLD_MIB'));
if (number('LEAK_MIB') > 0) leak(number('LEAK_MIB'));
if (number('LEAK_HEAP') > 0) leakHeap();
setTimeout(serve, number('START_SECONDS') * 1000);
