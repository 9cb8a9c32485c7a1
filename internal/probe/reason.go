package probe

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"syscall"
)

// Reason says why a target did not pass. It is one of the constants below or
// "answered CODE", so it never contains anything secret.
type Reason string

// All reasons but "answered CODE".
const (
	NoSuchHost       Reason = "no such host"
	ResolutionFailed Reason = "name resolution failed"
	Refused          Reason = "connection refused"
	Unreachable      Reason = "network unreachable"
	CannotConnect    Reason = "cannot connect"
	TimedOut         Reason = "timed out"
	Closed           Reason = "closed without an answer"
	OtherProtocol    Reason = "answered in another protocol"
	NotReady         Reason = "not ready"
	TLSFailed        Reason = "TLS handshake failed"
	Expired          Reason = "certificate not valid: expired or not yet valid"
	WrongHost        Reason = "certificate not valid: issued for another host"
	UnknownCA        Reason = "certificate not valid: unknown authority"
	NotValid         Reason = "certificate not valid"
	NoCACertificates Reason = "this image has no CA certificates"
	Internal         Reason = "internal error" // a reply made healthd itself fail
)

// Error makes a Reason an error.
func (r Reason) Error() string { return string(r) }

// answered returns the reason for an HTTP status code that is no pass.
func answered(code int) Reason { return Reason("answered " + strconv.Itoa(code)) }

// reasonOf returns the reason for an error of a connection, or err itself if it is one.
func reasonOf(ctx context.Context, err error) Reason {
	if reason, ok := errors.AsType[Reason](err); ok {
		return reason
	}
	if _, ok := errors.AsType[*panicError](err); ok {
		return Internal
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		if dns.IsNotFound {
			return NoSuchHost
		}
		return ResolutionFailed
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "remote error" {
		return TLSFailed // an alert, such as for a client certificate that is missing
	}
	switch {
	case ctx.Err() != nil, errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT):
		return TimedOut
	case errors.Is(err, syscall.ECONNREFUSED):
		return Refused
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return Unreachable
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return Closed
	}
	return CannotConnect
}
