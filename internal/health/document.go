package health

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
)

// healthJSON is a verdict's media type, as the draft names it.
var healthJSON = []string{"application/health+json"}

// Document is an answer, encoded. It does not change.
type Document struct {
	Code   int      // HTTP status: 200 for pass and warn, 503 for fail
	Type   []string // media type, as a header's value
	Body   []byte   // one line of JSON, or text
	Length []string // of Body, as a header's value
}

// NewDocument encodes a status and, when it is not pass, the reason.
func NewDocument(status Status, output string) Document {
	var e encoder
	return e.encode(status, struct {
		Status Status `json:"status"`
		Output string `json:"output,omitempty"`
	}{status, output})
}

// NewText makes a document of a body whose status is elsewhere, or nowhere.
func NewText(code int, mediaType string, body []byte) Document {
	return Document{Code: code, Type: []string{mediaType}, Body: body, Length: []string{strconv.Itoa(len(body))}}
}

// encoder makes documents in a buffer that it keeps.
type encoder struct {
	buf bytes.Buffer
}

// encode makes a document of v, which says status.
func (e *encoder) encode(status Status, v any) Document {
	e.buf.Reset()
	if err := json.NewEncoder(&e.buf).Encode(v); err != nil {
		panic(err) // a NaN at worst, and the percentages have none
	}
	d := Document{Code: http.StatusOK, Type: healthJSON, Body: bytes.Clone(e.buf.Bytes())}
	if status == Fail {
		d.Code = http.StatusServiceUnavailable
	}
	d.Length = []string{strconv.Itoa(len(d.Body))}
	return d
}
