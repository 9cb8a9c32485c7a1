package probe

import (
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// maxAddresses bounds how many hosts of one target are asked, all at once.
const maxAddresses = 16

// Errors of [Parse]. None has a part of the URL, which may hold a password anywhere.
var (
	errScheme = errors.New("the URL must start with http://, https://, tcp://, redis://, rediss://, " +
		"mongodb:// or mongodb+srv://")
	errPostgreSQL = errors.New("PostgreSQL is not supported because it logs an error for each " +
		"connection without a login")
	errMySQL = errors.New("MySQL is not supported because it blocks a host after 100 connections " +
		"without a login")
	errUserInfo = errors.New("a URL of this scheme must not have a user or password")
	errPath     = errors.New("the path and query must contain only printable ASCII characters " +
		"and no spaces")
	errNoPath = errors.New("a tcp URL must not have a path or query")
	errEscape = errors.New("a ? in the user or password must be written as %3F")
	errNoHost = errors.New("the URL has no host")
	errHost   = errors.New("the host must be a name in ASCII characters or an IP address")
	errIPv6   = errors.New("an IPv6 address must be in brackets")
	errSocket = errors.New("a Unix socket is not supported")
	errHosts  = errors.New("the URL must have at most 16 hosts")
	errPort   = errors.New("the port must be a number from 1 to 65535")
	errNoPort = errors.New("a tcp URL must have a port")
	errSRV    = errors.New("a mongodb+srv URL must have one host name and no port")
)

// Parse returns the target of a URL of a service or a database. Its errors contain no part
// of the URL. It is stricter than package net/url about hosts, and more lenient about
// passwords: database URLs often have some that are not escaped.
func Parse(rawURL string) (Target, error) {
	scheme, rest, found := strings.Cut(rawURL, "://")
	if !found {
		return Target{}, errScheme
	}
	switch strings.ToLower(scheme) {
	case "http":
		return parseHTTP(httpProtocol, rest)
	case "https":
		return parseHTTP(httpsProtocol, rest)
	case "tcp":
		return parseTCP(rest)
	case "redis":
		return parseDatabase(redisProtocol, redisPing, rest, false)
	case "rediss":
		return parseDatabase(redisProtocol, redisPing, rest, true)
	case "mongodb":
		return parseDatabase(mongoProtocol, mongoHello, rest, false)
	case "mongodb+srv":
		return parseSRV(rest)
	case "postgres", "postgresql":
		return Target{}, errPostgreSQL
	case "mysql", "mariadb":
		return Target{}, errMySQL
	}
	return Target{}, errScheme
}

func parseHTTP(p *protocol, rest string) (Target, error) {
	a, path, err := parseAuthority(p, rest)
	if err != nil {
		return Target{}, err
	}
	path, _, _ = strings.Cut(path, "#")
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	if !validPath(path) {
		return Target{}, errPath
	}
	return newHTTP(p, a, path), nil
}

func parseTCP(rest string) (Target, error) {
	a, path, err := parseAuthority(tcpProtocol, rest)
	switch {
	case err != nil:
		return Target{}, err
	case path != "" && path != "/":
		return Target{}, errNoPath
	case a.port == "3306":
		return Target{}, errMySQL
	}
	return Target{protocol: tcpProtocol, addresses: []address{a}}, nil
}

// parseAuthority splits what follows "://" into the one host and the path.
func parseAuthority(p *protocol, rest string) (a address, path string, err error) {
	end := len(rest)
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		end = i
	}
	if strings.Contains(rest[:end], "@") {
		return address{}, "", errUserInfo
	}
	a, err = parseAddress(rest[:end], p.defaultPort)
	return a, rest[end:], err
}

// parseDatabase parses what follows "://". TLS is used if it is the scheme's default or an
// option says so.
func parseDatabase(p *protocol, request, rest string, tls bool) (Target, error) {
	hosts, options, err := splitDatabase(rest)
	if err != nil {
		return Target{}, err
	}
	t := Target{protocol: p, request: request, tls: useTLS(options, tls)}
	for host := range strings.SplitSeq(hosts, ",") {
		a, err := parseAddress(host, p.defaultPort)
		if err != nil {
			return Target{}, err
		}
		t.addresses = append(t.addresses, a)
	}
	if len(t.addresses) > maxAddresses {
		return Target{}, errHosts
	}
	return t, nil
}

func parseSRV(rest string) (Target, error) {
	hosts, options, err := splitDatabase(rest)
	if err != nil {
		return Target{}, err
	}
	if strings.ContainsAny(hosts, ",:") {
		return Target{}, errSRV
	}
	a, err := parseAddress(hosts, mongoProtocol.defaultPort)
	if err != nil {
		return Target{}, err
	}
	if _, err := netip.ParseAddr(a.host); err == nil {
		return Target{}, errSRV
	}
	return Target{
		protocol: mongoProtocol,
		record:   &srvRecord{domain: strings.TrimSuffix(a.host, ".")},
		tls:      useTLS(options, true),
		request:  mongoHello,
	}, nil
}

// splitDatabase splits "user:password@host,host:port/database?options" and drops user,
// password and database. The password may contain an unescaped "@", "/", "#" or ",", because
// the last "@" before the options ends it. After the "?" only the option appName may contain an
// "@", as in URLs of Azure Cosmos DB. Any other is refused, because the "?" is then a part of the
// password, and the text before it would be taken for a host.
func splitDatabase(rest string) (hosts, options string, err error) {
	hosts, options, _ = strings.Cut(rest, "?")
	for option := range strings.SplitSeq(options, "&") {
		name, _, _ := strings.Cut(option, "=")
		if strings.Contains(option, "@") && !strings.EqualFold(name, "appName") {
			return "", "", errEscape
		}
	}
	hosts = hosts[strings.LastIndexByte(hosts, '@')+1:]
	if i := strings.IndexAny(hosts, "/#"); i >= 0 {
		hosts = hosts[:i]
	}
	options, _, _ = strings.Cut(options, "#")
	return hosts, options, nil
}

// useTLS returns what the options tls and ssl say, else the default.
func useTLS(options string, tls bool) bool {
	for option := range strings.SplitSeq(options, "&") {
		switch strings.ToLower(option) {
		case "tls=true", "ssl=true":
			tls = true
		case "tls=false", "ssl=false":
			tls = false
		}
	}
	return tls
}

// address is a host, a name or an IP address without brackets, and a port.
type address struct{ host, port string }

// String returns the address as net.Dial takes it.
func (a address) String() string { return net.JoinHostPort(a.host, a.port) }

// hostHeader returns the value of the Host header, without the port if it is the default.
func (a address) hostHeader(defaultPort string) string {
	host, _, _ := strings.Cut(a.host, "%") // the zone means something on this machine only
	if a.port != defaultPort {
		return net.JoinHostPort(host, a.port)
	}
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

// parseAddress parses "host", "host:port", "[IPv6]" or "[IPv6]:port".
func parseAddress(s, defaultPort string) (address, error) {
	host, port, hasPort := strings.Cut(s, ":")
	if inBrackets, found := strings.CutPrefix(s, "["); found {
		var after string
		if host, after, found = strings.Cut(inBrackets, "]"); !found || !isIPv6(host) {
			return address{}, errHost
		}
		if port, hasPort = strings.CutPrefix(after, ":"); !hasPort && after != "" {
			return address{}, errHost
		}
	} else if err := checkHost(host); err != nil {
		return address{}, err
	}
	switch {
	case !hasPort && defaultPort == "":
		return address{}, errNoPort
	case !hasPort:
		port = defaultPort
	case strings.Contains(port, ":"):
		return address{}, errIPv6
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return address{}, errPort
	}
	return address{host, strconv.FormatUint(n, 10)}, nil
}

func isIPv6(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Is6() && printable(host)
}

// checkHost returns what is wrong with a host name or an IPv4 address.
func checkHost(host string) error {
	lower := strings.ToLower(host)
	switch {
	case host == "":
		return errNoHost
	case strings.HasPrefix(lower, "%2f"), strings.HasSuffix(lower, ".sock"):
		return errSocket
	case len(host) > 253, strings.ContainsFunc(host, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') &&
			r != '.' && r != '-' && r != '_'
	}):
		return errHost
	}
	return nil
}

// printable reports whether s holds only visible ASCII characters.
func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}
