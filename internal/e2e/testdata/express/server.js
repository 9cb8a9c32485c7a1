// The minimal Express server that healthd replaces, for comparison.
const app = require('express')();
app.get('/healthz', (req, res) => res.json({ status: 'pass' }));
app.get('/api/v1/monitoring/health', (req, res) =>
  res.json({ status: 'pass', uptime: process.uptime(), memory: process.memoryUsage() }));
app.listen(process.env.PORT);
