package probe

import (
	"fmt"
	"strings"
	"testing"
)

// TestSecrets asks URLs that have a secret in every place, good ones and bad ones, and
// looks for the secret in whatever comes back.
func TestSecrets(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	dns := serveDNS(t)
	var texts []string
	for _, scheme := range []string{
		"http", "https", "tcp", "redis", "rediss", "mongodb", "mongodb+srv", "postgres", "mysql", "unix",
		secret, secret + "\n",
	} {
		for _, rest := range []string{
			"://$", "://$.test", "://$.test:1", "://$:$", "://:$", "://a:$", "://$@", "://$@a.test:1",
			"://u:$@a.test:1", "://u:$:$@$.test:1",
			"://u:p$/x@a.test:1", "://u:p$?x@a.test", "://u:p$#x@a.test:1", "://u:p@$@a.test:1",
			"://u:p@a.test:$", "://u:p@$ x", "://[$]",
			"://[::1$]", "://[fe80::1%$]:1", "://a.test:1/$", "://a.test:1/x?$=$", "://a.test:1/#$",
			"://a.test/%zz$", "://%zz$@a.test",
			"://$,$.test", "://a.test,b.test:$", "://u:\x7f$@a.test:1", "://a.test:1/\x00$", "://%2f$.sock",
			":$", "$", ":/$", "://\n$",
		} {
			url := scheme + strings.ReplaceAll(rest, "$", secret)
			target, err := Parse(url)
			if err != nil {
				texts = append(texts, err.Error())
				continue
			}
			target.nameserver = dns.conn.LocalAddr().String()
			result, err := target.ask(t.Context())
			if result.Passed || err == nil {
				t.Errorf("Ask(%q) = %+v, want a failure: there is no such host", url, result)
			}
			dependency := Dependency{Name: "x", Target: target}
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
				texts = append(texts, fmt.Sprintf(verb, dependency), fmt.Sprintf(verb, &dependency),
					fmt.Sprintf(verb, target))
			}
			texts = append(texts, string(result.Reason), fmt.Sprintf("%+v", result))
		}
	}
	for _, text := range texts {
		for _, part := range []string{secret, "68756e746572", ".test"} {
			if strings.Contains(strings.ToLower(text), part) {
				t.Errorf("a part of a URL got out: %s", text)
			}
		}
	}
	if len(texts) < 1000 {
		t.Errorf("%d texts, want over 1000", len(texts))
	}
}
