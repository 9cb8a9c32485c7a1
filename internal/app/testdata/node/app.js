// An app that says which signals it gets and takes a moment to drain. With a number as its
// argument it leaks that many MiB per second.
'use strict';

let terms = 0;
process.on('SIGTERM', () => {
  terms += 1;
  setTimeout(() => {
    console.log(`drained after ${terms} SIGTERM`);
    process.exit(0);
  }, 500);
});

const leaked = [];
const rate = Number(process.argv[2] ?? 0);
setInterval(() => {
  if (rate > 0) {
    leaked.push(Buffer.alloc((rate * 1024 * 1024) / 10, 1));
  }
}, 100);
console.log('up');
