package report

import "strconv"

// The types of Prometheus metrics.
const (
	gauge   = "gauge"
	counter = "counter"
)

// metricsText is text in the Prometheus exposition format 0.0.4.
type metricsText []byte

// family begins the metrics of one name.
func (t *metricsText) family(name, kind, help string) {
	for _, s := range [...]string{
		"# HELP ", name, " ", help, "\n# TYPE ", name, " ", kind, "\n",
	} {
		*t = append(*t, s...)
	}
}

// integer writes a metric without labels as a family of its own.
func (t *metricsText) integer(name, kind, help string, value int64) {
	t.family(name, kind, help)
	t.name(name)
	*t = append(strconv.AppendInt(*t, value, 10), '\n')
}

// seconds writes a metric without labels as a family of its own.
func (t *metricsText) seconds(name, kind, help string, value float64, decimals int) {
	t.family(name, kind, help)
	t.name(name)
	*t = append(strconv.AppendFloat(*t, value, 'f', decimals, 64), '\n')
}

// flag writes a metric that is 1 or 0. The labels are pairs of name and value.
func (t *metricsText) flag(on bool, name string, labels ...string) {
	t.name(name, labels...)
	value := "0\n"
	if on {
		value = "1\n"
	}
	*t = append(*t, value...)
}

// name begins a line with the name of a metric and its labels.
func (t *metricsText) name(name string, labels ...string) {
	b := append(*t, name...)
	separator := byte('{')
	for i := 0; i < len(labels); i += 2 {
		b = append(b, separator)
		separator = ','
		b = append(b, labels[i]...)
		b = append(b, `="`...)
		b = appendEscaped(b, labels[i+1])
		b = append(b, '"')
	}
	if len(labels) > 0 {
		b = append(b, '}')
	}
	*t = append(b, ' ')
}

// appendEscaped appends the value of a label.
func appendEscaped(b []byte, value string) []byte {
	for _, c := range []byte(value) {
		switch c {
		case '\\', '"':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, `\n`...)
		default:
			b = append(b, c)
		}
	}
	return b
}
