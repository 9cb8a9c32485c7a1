// Healthd is a health service: it tells the truth about its memory over HTTP.
//
// Usage:
//
//	healthd [serve]       serve until SIGTERM or SIGINT
//	healthd probe [PATH]  ask the service on this machine (default /healthz)
//	healthd version       print the version, like -v and --version
//	healthd help          print this text, like -h and --help
//
// Endpoints (GET and HEAD):
//
//	/healthz                    200 while the process serves, whatever its memory
//	/readyz                     200 when it should get traffic, else 503
//	/api/v1/monitoring/health   everything it knows; 503 when memory runs out
//	/api/v1/monitoring/history  the last hour and day
//	/metrics                    the same values for Prometheus
//	/                           a page for people
//
// Configuration is read from the environment, then from .env in the working
// directory, then from these defaults; an empty value counts as unset:
//
//	PORT=4000               TCP port
//	HOST=                   IP address or localhost; empty is every address
//	SERVICE_NAME=healthd    shown in the log and the report
//	ENVIRONMENT=production  likewise
//	GOMEMLIMIT=             Go memory limit, such as 200MiB or off, at least 1MiB;
//	                        empty is 80 % of the container's limit, which no value
//	                        exceeds
//	MAX_CONNECTIONS=auto    connections kept; auto is one per 512 KiB of the
//	                        container's limit, 64 to 512
//	MEMORY_WARN_PERCENT=80  of the container's limit: status warn
//	MEMORY_FAIL_PERCENT=90  of the container's limit: status fail
//	MEMORY_LOG_INTERVAL=30s time between lines of vitals; 0 is off
//	DRAIN_DELAY=3s          not ready but still serving, after SIGTERM
//	SHUTDOWN_TIMEOUT=5s     for requests in flight, after the drain
//	MONITORING_TOKEN=       secret; who does not send it as "Authorization: Bearer"
//	                        sees the status alone
//	LOG_FORMAT=text         text or json
//	LOG_LEVEL=info          debug, info, warn or error
//
// It runs on one processor, unless GOMAXPROCS in the environment says otherwise.
//
// Signals: SIGTERM drains and stops, SIGINT stops without the drain, a second one
// ends it at once. The same signal again within a second is not a second one.
//
// Exit codes: 0 stopped cleanly, 1 failed, 2 bad usage or configuration; probe exits
// 0 on a 2xx answer and 1 otherwise.
package main
