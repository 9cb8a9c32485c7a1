// The page shows the health report, which comes with it and is fetched every 2 s, and
// the history, which is fetched every 10 s.

const $ = id => document.getElementById(id)
const view = $('view'), plot = $('plot')

const statusWords = {
	pass: 'Healthy', warn: 'Warning', fail: 'Failing', draining: 'Shutting down', gone: 'Not responding',
}
const tokenKey = 'healthd.token' // in a storage that other applications on this origin share

let token = sessionStorage.getItem(tokenKey) || ''
let report = JSON.parse($('report').textContent)
let history = null
let locked = isBare(report)
let gone = false
let lastSeen = Date.now() / 1000 // when the server last responded, in Unix seconds
let lastHistory = 0 // when the history was last fetched, in Unix milliseconds
let round = 0, timer
let chart = null // what the plot shows, with its scales
let cursor = null // the time that the reader points at, in Unix seconds

// Values as text, in the same form as in the HTML

const MiB = 2 ** 20
const shortMiB = bytes => Number((bytes / MiB).toFixed(2))
const mib = bytes => bytes == null ? '–' : (bytes / MiB).toFixed(2) + ' MiB'
const percent = n => n.toFixed(1) + '%'

function duration(seconds) {
	const d = Math.floor(seconds / 86400), h = Math.floor(seconds / 3600) % 24
	const m = Math.floor(seconds / 60) % 60, s = seconds % 60
	if (d) return `${d} d ${h} h`
	if (h) return `${h} h ${m} min`
	return m ? `${m} min ${s} s` : `${s} s`
}

function clock(unix, second) {
	const options = { hour: '2-digit', minute: '2-digit', second, hourCycle: 'h23' }
	return new Date(unix * 1000).toLocaleTimeString([], options)
}
const exactClock = unix => clock(unix, '2-digit')
const day = unix => new Date(unix * 1000).toLocaleDateString([], { month: 'short', day: 'numeric' })

// format writes a value of the report. The names say the units.
function format(name, value) {
	if (name.endsWith('Bytes')) return mib(value)
	if (name.endsWith('Percent')) return percent(value)
	if (name.endsWith('Seconds')) return duration(value)
	if (name == 'time') return exactClock(Date.parse(value) / 1000)
	return typeof value == 'boolean' ? value ? 'yes' : 'no' : String(value)
}

// setText leaves equal text alone, so that a selection stays and screen readers are quiet.
function setText(element, text) {
	if (element.textContent != text) element.textContent = text
}

// Fetching

function get(path) {
	const headers = token ? { Authorization: 'Bearer ' + token } : {}
	return fetch(path, { headers, cache: 'no-store', signal: AbortSignal.timeout(5000) })
}

// isBare reports whether a report is the status alone, as clients without the token get it.
// That of a server that can no longer measure has a reason.
function isBare(report) {
	return !report.version && !report.output
}

async function poll() {
	clearTimeout(timer)
	if (document.hidden) return
	const mine = ++round // only the newest call shows its result
	try {
		const newReport = await (await get('api/v1/monitoring/health')).json()
		let refused = isBare(newReport), newHistory
		if (!refused && Date.now() - lastHistory > 9500) {
			const response = await get('api/v1/monitoring/history')
			refused = response.status == 401
			if (response.ok) newHistory = await response.json()
		}
		if (mine != round) return
		gone = false
		lastSeen = Date.now() / 1000
		if (newHistory) {
			history = newHistory
			lastHistory = Date.now()
		}
		report = newReport.version || refused ? newReport : { ...report, growth: undefined, ...newReport }
		updateToken(refused)
	} catch {
		if (mine != round) return
		gone = true
		lastHistory = 0
	}
	timer = setTimeout(poll, 2000)
	show()
}

function updateToken(refused) {
	if (token && refused) {
		rejectToken()
	} else if (token) {
		sessionStorage.setItem(tokenKey, token)
		if (locked) $('status').focus() // the form that had the focus goes away
	}
	locked = refused
}

function rejectToken() {
	token = ''
	sessionStorage.removeItem(tokenKey)
	setText($('refusal'), 'Wrong token.')
}

// Showing the report

function show() {
	const details = report.memory
	document.body.className = ''
	showStatus()
	setText($('service'), report.serviceId || 'healthd')
	setText($('environment'), report.environment || '')
	$('login').hidden = !locked
	$('protected').hidden = !locked && !token
	$('live').hidden = !details
	$('live').classList.toggle('stale', gone)
	showValuesByKey()
	$('growth').hidden = !report.growth
	setText($('growth'), report.growth?.output || '')
	if (!details) return
	showMeters()
	draw()
}

function showStatus() {
	const known = report.status in statusWords ? report.status : 'fail'
	const status = gone ? 'gone' : report.draining ? 'draining' : known
	const heading = $('status')
	heading.className = status
	heading.querySelector('use').setAttribute('href', '#icon-' + status)
	setText(heading.querySelector('span'), statusWords[status])
	setText($('reason'), reason(status))
	document.title = `${statusWords[status]} – ${report.serviceId || 'healthd'}`
}

function reason(status) {
	const output = report.output || ''
	switch (status) {
	case 'gone':
		return `No response since ${exactClock(lastSeen)}. Trying again every 2 seconds.`
	case 'draining':
		return 'Requests in progress are completed; new traffic should go elsewhere. ' + output
	case 'pass':
		if (!report.memory) return ''
		if (check('memory:utilization') || check('gomemlimit:utilization')) return 'Memory is within its limits.'
		return Object.keys(report.checks).length ? '' : 'No memory limit is set, so nothing is checked.'
	}
	return output
}

// showValuesByKey fills the cells that name a value of the report, and hides the rest.
function showValuesByKey() {
	for (const cell of document.querySelectorAll('[data-key]')) {
		const names = cell.dataset.key.split('.')
		const value = names.reduce((object, name) => object?.[name], report)
		cell.parentNode.hidden = value == null
		if (value != null) setText(cell, format(names.at(-1), value))
	}
	showRows($('processes'), processRows())
	showRows($('dependencies'), dependencyRows())
	for (const group of document.querySelectorAll('tbody')) {
		group.hidden = !group.querySelector('tr:not([hidden]) td')
	}
	$('details').hidden = !report.memory
}

// showRows fills the rows below a group's title.
function showRows(group, rows) {
	while (group.rows.length > rows.length + 1) group.deleteRow(-1)
	rows.forEach(({ name, value, note, status = '' }, i) => {
		const cells = (group.rows[i + 1] || addRow(group)).cells
		cells[1].className = status
		setText(cells[0], name)
		setText(cells[1], value)
		setText(cells[2], note)
	})
}

function dependencyRows() {
	const suffix = ':responseTime'
	const checks = Object.entries(report.checks || {}).filter(([name]) => name.endsWith(suffix))
	return checks.map(([name, [{ status, output, observedValue: time }]]) => {
		const note = output || (time == null ? 'not asked yet' : time.toFixed(1) + ' ms')
		return { name: name.slice(0, -suffix.length), value: status, note, status }
	})
}

function processRows() {
	const { processes = [], anonBytes } = report.app || {}
	const rows = processes.map(({ name, pid, anonBytes, rssBytes }) =>
		({ name: `${name} (pid ${pid})`, value: mib(anonBytes), note: `RSS ${mib(rssBytes)}` }))
	const all = { name: 'All processes', value: mib(anonBytes), note: 'without the pages of files and shared memory' }
	return rows.length ? [all, ...rows] : []
}

function addRow(group) {
	const row = group.insertRow()
	row.innerHTML = '<th scope="row"></th><td></td><td></td>'
	return row
}

function containerLimit() {
	const { limitBytes, highBytes } = report.memory.container || {}
	return Math.min(limitBytes ?? Infinity, highBytes ?? Infinity)
}

function showMeters() {
	const { container, rssBytes, goLimitBytes } = report.memory
	const used = container?.unreclaimableBytes ?? container?.workingSetBytes ?? rssBytes
	const live = check('gomemlimit:utilization')?.observedValue / 100 * goLimitBytes
	showMeter($('container'), check('memory:utilization'), used, containerLimit())
	showMeter($('gomemlimit'), check('gomemlimit:utilization'), live, goLimitBytes)
}

const check = name => report.checks[name]?.[0]

function showMeter(meter, check, used, limit) {
	const share = check?.observedValue
	meter.hidden = share == null || !isFinite(limit)
	if (meter.hidden) return
	const text = `${percent(share)} · ${(used / MiB).toFixed(1)} of ${shortMiB(limit)} MiB`
	const gauge = meter.querySelector('svg')
	meter.className = check.status
	setText(meter.querySelector('span'), text)
	gauge.ariaValueNow = share
	gauge.ariaValueText = text
	gauge.querySelector('.bar').setAttribute('width', Math.min(100, Math.max(1, share)) + '%')
}

// The chart: data and scales

// draw draws everything anew. Each layer is a function from the chart to SVG.
function draw() {
	chart = newChart()
	const layers = [grid, timeAxis, limits, changes, bands, lines, forecast, limitNames, seriesLabels, cursorLine]
	plot.innerHTML = `<svg aria-hidden="true">${layers.map(layer => layer(chart)).join('')}</svg>`
	showValues(chart)
	describe(chart)
}

function newChart() {
	const points = history?.[view.range.value] || { stepSeconds: view.range.value == 'day' ? 300 : 10 }
	const times = points.timeUnixSeconds || [], step = points.stepSeconds
	const column = name => points[name + 'Bytes'] || []
	const { container, goLimitBytes: goLimit } = report.memory
	const labels = seriesNames()
	const names = Object.keys(labels).filter(name => !times.length || column(name).some(isKnown))
	const c = { times, step, column, labels, names, limit: container?.limitBytes, goLimit }
	return Object.assign(c, timeScale(c), byteScale(c))
}

const isKnown = value => value != null

// seriesNames are the lines' names. The container's is what the meter shows; without a limit
// it may be the whole machine's. With an app, the process is of less interest.
function seriesNames() {
	const line = isKnown(report.memory.container?.unreclaimableBytes) ? 'unreclaimable' : 'workingSet'
	const container = isFinite(containerLimit()) ? { [line]: line == 'workingSet' ? 'Working set' : 'Container' } : {}
	return { ...container, ...report.app ? { app: 'App', rss: 'healthd' } : { rss: 'RSS', heap: 'Heap' } }
}

// timeScale spans what there is, and at least one step. If memory grows, it goes on until the
// limit is reached.
function timeScale({ times, step }) {
	const width = plot.clientWidth, wide = width > 480
	const left = 38, right = width - (wide ? 90 : 28)
	const now = Date.parse(report.time) / 1000, limitIn = report.growth?.limitInSeconds
	const last = times.at(-1) ?? now
	const first = Math.min(times[0] ?? last, last - step)
	const end = limitIn == null ? last : Math.max(last, now + limitIn)
	const perSecond = (right - left) / (end - first)
	return {
		wide, left, right, first, last, end, perSecond,
		x: unix => toFixed(left + (unix - first) * perSecond),
		timeAt: x => Math.max(first, first + (x - left) / perSecond + step / 2),
	}
}

function byteScale({ column, names, limit, goLimit }) {
	const top = 40, bottom = 276, log = view.scale.value == 'log'
	const used = names.flatMap(name => ['', 'Min', 'Max'].flatMap(part => column(name + part))).filter(v => v > 0)
	const reached = isKnown(report.growth?.limitInSeconds) ? containerLimit() : 0
	const ceiling = Math.max(MiB, limit || 0, goLimit || 0, reached, ...column('limit'), ...used)
	const lowest = log ? roundDown(Math.min(ceiling / 4, ...used) / MiB) * MiB : 0
	const highest = ceiling * (log ? 1.4 : 1.06)
	const place = log ? Math.log2 : v => v
	const perUnit = (bottom - top) / (place(highest) - place(lowest))
	return {
		top, bottom, log, lowest, highest,
		y: bytes => toFixed(bottom - (place(Math.max(bytes, lowest)) - place(lowest)) * perUnit),
	}
}

const toFixed = n => Number(n.toFixed(1))

// Round numbers are 1, 2 and 5 times a power of ten.
function roundUp(n) {
	const power = 10 ** Math.floor(Math.log10(n))
	return [1, 2, 5, 10].find(factor => factor * power >= n * .999) * power
}
const roundDown = n => 1 / roundUp(1 / n)

// The chart: layers

const text = (x, y, content, classes = '') => `<text class="${classes}" x="${x}" y="${y}">${content}</text>`
const across = (c, bytes, name) =>
	`<path class="${name}" data-bytes="${bytes}" d="M${c.left} ${c.y(bytes)}H${c.right}"/>`
const upright = (c, unix, name) => `<path class="${name}" d="M${c.x(unix)} 20V${c.bottom}"/>`

function grid(c) {
	const ticks = c.log ? logTicks(c) : linearTicks(c)
	return text(0, 14, 'MiB') + ticks.map(bytes =>
		across(c, bytes, 'grid') + text(c.left - 6, c.y(bytes) + 4, shortMiB(bytes), 'end')).join('')
}

function linearTicks({ highest }) {
	const step = roundUp(highest / MiB / 5) * MiB
	return Array.from({ length: Math.floor(highest / step) + 1 }, (_, i) => i * step)
}

function logTicks({ lowest, highest }) {
	const ticks = [], decades = highest > 1000 * lowest
	let next = lowest / MiB
	while (next * MiB <= highest) {
		ticks.push(next * MiB)
		next = roundUp(next * (decades ? 10 : 1.5))
	}
	return ticks
}

const tickSeconds = [10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 10800, 21600, 43200, 86400]

function timeAxis(c) {
	if (!c.times.length) return ''
	let tick = tickSeconds.find(seconds => seconds * c.perSecond > 64) || 86400
	// After a jump of the clock the axis can span years.
	while (tick * c.perSecond < 64) tick *= 2
	const label = tick < 60 ? exactClock : tick < 86400 ? clock : day
	const zone = new Date(c.last * 1000).getTimezoneOffset() * 60
	let out = ''
	for (let unix = Math.ceil((c.first - zone) / tick) * tick + zone; unix <= c.end; unix += tick) {
		out += text(c.x(unix), c.bottom + 18, label(unix), 'middle')
	}
	return out
}

// runs splits the points of a column where values are unknown or the service did not run.
function runs(c, values) {
	const runs = []
	c.times.forEach((unix, i) => {
		if (!isKnown(values[i])) return
		const gap = !isKnown(values[i - 1]) || unix - c.times[i - 1] > 2 * c.step
		if (gap) runs.push([i])
		else runs.at(-1).push(i)
	})
	return runs
}

const through = (c, run, values) => run.map(i => c.x(c.times[i]) + ' ' + c.y(values[i])).join('L')
const linePath = (c, values) => runs(c, values).map(run => `M${through(c, run, values)}h0`).join('')

function limits(c) {
	const past = c.column('limit')
	const changed = past.some(limit => isKnown(limit) && limit != c.limit)
	return (c.goLimit ? across(c, c.goLimit, 'goLimit') : '') +
		(changed ? `<path class="limit" d="${linePath(c, past)}"/>` : c.limit ? across(c, c.limit, 'limit') : '')
}

// The name of the upper limit stands above its line, that of the lower one below.
function limitNames(c) {
	const name = (bytes, words, above) =>
		bytes ? text(c.left + 6, c.y(bytes) + (above ? -6 : 15), `${words} ${shortMiB(bytes)} MiB`) : ''
	const goHigher = c.limit < c.goLimit
	return name(c.limit, 'Container limit', !goHigher) + name(c.goLimit, 'GOMEMLIMIT', goHigher)
}

function statusChanges(c) {
	const { timeUnixSeconds: times, status } = history?.changes || { timeUnixSeconds: [] }
	return times.map((unix, i) => ({ unix: Math.min(unix, c.last), status: status[i] }))
		.filter(change => change.unix >= c.first && change.status in statusWords)
}

function changes(c) {
	const all = statusChanges(c)
	return all.map(({ unix, status }, i) => {
		const x = c.x(unix), next = i + 1 < all.length ? c.x(all[i + 1].unix) : c.right + 60
		return `<g class="change ${status}">${upright(c, unix, '')}` +
			`<use href="#icon-${status}" x="${x - 8}" y="2" width="16" height="16"/>` +
			(c.wide && next - x > 70 ? text(x + 12, 15, statusWords[status]) : '') + '</g>'
	}).join('')
}

function bands(c) {
	return c.names.filter(name => c.column(name + 'Min').length).map(name => {
		const low = c.column(name + 'Min'), high = c.column(name + 'Max')
		const outline = runs(c, c.column(name)).map(run =>
			`M${through(c, run, high)}L${through(c, run.toReversed(), low)}z`).join('')
		return `<path class="band ${name}" d="${outline}"/>`
	}).join('')
}

function lines(c) {
	return c.names.map(name =>
		`<g class="${name}"><path class="line" d="${linePath(c, c.column(name))}"/></g>`).join('')
}

// forecast leads from the newest value to the limit. On a log scale that is a curve.
function forecast(c) {
	const bytes = c.column('unreclaimable').at(-1), limit = containerLimit(), parts = 16
	if (c.end == c.last || !isKnown(bytes) || !isFinite(limit)) return ''
	const points = Array.from({ length: parts + 1 }, (_, i) => i / parts).map(share =>
		c.x(c.last + share * (c.end - c.last)) + ' ' + c.y(bytes + share * (limit - bytes)))
	return `<path class="forecast" d="M${points.join('L')}"/>`
}

// Each line ends at its name, 14 px or more from the next, and below the forecast.
function seriesLabels(c) {
	if (!c.wide || !c.times.length) return ''
	const below = c.end > c.last ? 12 : 0
	const ends = c.names.map(name => ({ name, y: c.y(c.column(name).findLast(isKnown)) + below })).sort((a, b) => a.y - b.y)
	ends.reduce((above, end) => end.y = Math.max(end.y, above + 14), 0)
	ends.reduceRight((below, end) => end.y = Math.min(end.y, below - 14), c.bottom + 10)
	return ends.map(({ name, y }) => text(c.x(c.last) + 8, y + 4, c.labels[name], 'name ' + name)).join('')
}

// The cursor, and the chart in words

// pointIndex is the point under the cursor, or the newest.
function pointIndex(c) {
	return Math.max(0, c.times.findLastIndex(unix => cursor == null || unix <= cursor))
}

function cursorLine(c) {
	if (!c.times.length) {
		const wait = c.step < 60 ? c.step + ' seconds' : c.step / 60 + ' minutes'
		return text((c.left + c.right) / 2, 160, `First data point in ${wait}.`, 'middle')
	}
	if (cursor == null) return ''
	const i = pointIndex(c), x = c.x(c.times[i])
	const dots = c.names.filter(name => isKnown(c.column(name)[i])).map(name =>
		`<circle class="dot ${name}" r="4.5" cx="${x}" cy="${c.y(c.column(name)[i])}"/>`)
	return upright(c, c.times[i], 'cursor') + dots.join('')
}

function showValues(c) {
	const i = pointIndex(c), at = c.times.length ? exactClock(c.times[i]) : '–'
	const values = c.names.map(name => ({ name, value: mib(c.column(name)[i]) }))
	const sample = name => `<svg class="${name}" aria-hidden="true"><path class="line" d="M2 4h24"/></svg>`
	$('values').innerHTML = `<div><dt>Time</dt><dd>${at}</dd></div>` + values.map(({ name, value }) =>
		`<div><dt>${sample(name)}${c.labels[name]}</dt><dd>${value}</dd></div>`).join('')
	plot.ariaValueMax = Math.max(0, c.times.length - 1)
	plot.ariaValueNow = i
	plot.ariaValueText = at + values.map(({ name, value }) => `, ${c.labels[name]} ${value}`).join('')
}

function describe(c) {
	const ranges = c.names.map(name => {
		const values = c.column(name).filter(isKnown)
		const [lowest, highest] = [Math.min(...values), Math.max(...values)].map(bytes => (bytes / MiB).toFixed(1))
		return `${c.labels[name]} ${lowest} to ${highest} MiB`
	})
	const changes = statusChanges(c).slice(-6).map(({ unix, status }) => `${statusWords[status]} at ${clock(unix)}`)
	setText($('summary'), c.times.length ? `Last ${duration(c.last - c.first)}: ${ranges.join(', ')}. ` +
		`Status: ${changes.join(', ') || 'unchanged'}.` : '')
}

// Events

function pointAt(unix) {
	cursor = unix
	if (chart) draw()
}

const keys = {
	ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10, Home: -Infinity, End: Infinity,
}

plot.onpointermove = plot.onpointerdown = event => {
	if (chart) pointAt(chart.timeAt(event.clientX - plot.getBoundingClientRect().left))
}
plot.onpointerleave = plot.onblur = () => pointAt(null)
plot.onkeydown = event => {
	const steps = event.key == 'Escape' ? 0 : keys[event.key]
	if (steps == null || !chart?.times.length) return
	event.preventDefault()
	const index = Math.min(chart.times.length - 1, Math.max(0, pointIndex(chart) + steps))
	pointAt(steps ? chart.times[index] : null)
}
view.onchange = () => pointAt(null)

$('login').onsubmit = event => {
	event.preventDefault()
	setText($('refusal'), '')
	token = $('token').value.trim()
	if (/^[!-~]+$/.test(token)) poll() // other characters cannot stand in a header
	else rejectToken()
}
document.onvisibilitychange = poll
new ResizeObserver(() => {
	if (chart && !$('live').hidden) draw()
}).observe($('live'))

// Nothing is painted before it is complete, so that nothing moves. With a token in this
// tab, that is when the first fetch returns.
if (!token) show()
poll()
