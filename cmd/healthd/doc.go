// Healthd serves health checks over HTTP and reports memory use.
//
// Usage:
//
//	healthd [serve]                          serve until SIGTERM or SIGINT
//	healthd [serve] -- COMMAND [ARGUMENT...] serve, and run a command until it ends
//	healthd probe [PATH]                     request PATH (default /healthz) from the
//	                                         service on this machine
//	healthd probe URL                        ask a service or database once
//	healthd version                          print the version, like -v and --version
//	healthd help                             print this text, like -h and --help
//
// Endpoints (GET and HEAD): see healthd -h.
//
// Each setting comes from the environment, else from .env in the working directory, else from
// these defaults. An empty value counts as unset. Every key can be written with the prefix
// HEALTHD_, which then wins.
//
//	PORT=4000               TCP port
//	HOST=                   IP address or localhost; if empty, all addresses
//	SERVICE_NAME=healthd    service name shown in the log and the report
//	ENVIRONMENT=production  environment name shown in the log and the report
//	GOMEMLIMIT=             Go memory limit, such as 200MiB or off, at least 1MiB; if
//	                        empty, 80% of the container's limit. Lowered to that if
//	                        higher, except for off.
//	MAX_CONNECTIONS=auto    open connections, at least 4; auto is one per 512 KiB of the
//	                        container's limit, from 64 to 512
//	MEMORY_WARN_PERCENT=80  percentage of the container's limit for status warn
//	MEMORY_FAIL_PERCENT=90  percentage of the container's limit for status fail
//	MEMORY_LOG_INTERVAL=30s time between memory lines in the log; 0 turns them off
//	DRAIN_DELAY=3s          how long to keep serving as not ready after SIGTERM
//	SHUTDOWN_TIMEOUT=5s     how long requests in flight may take after that
//	MONITORING_TOKEN=       if set, required as "Authorization: Bearer TOKEN" to see
//	                        details
//	LOG_FORMAT=text         text or json
//	LOG_LEVEL=info          debug, info, warn or error
//	DEPENDENCIES=           services and databases to watch, separated by spaces, as
//	                        "NAME=URL", "NAME=VARIABLE" or "VARIABLE", which is the
//	                        name of a variable that contains a URL
//	REQUIRED_DEPENDENCIES=  the same, but the service is not ready without them
//
// With a command, variables without the prefix and .env belong to the command. healthd reads
// neither, except for a variable that a dependency names. HEALTHD_PORT must be set, and some
// defaults differ: SHUTDOWN_TIMEOUT=25s, MAX_CONNECTIONS=64 and GOMEMLIMIT=32MiB. These two keys
// are errors without a command:
//
//	HEALTHD_APP_CHECK=      URL at which the command answers; if empty, a TCP connection
//	                        to its PORT. If set, it decides about liveness too; off is
//	                        for a command that does not listen
//	HEALTHD_STOP_PERCENT=0  percentage of the container's limit at which to stop the
//	                        command before the kernel kills it, 6-100; 0 is never
//
// The URLs start with http, https, tcp, redis, rediss, mongodb or mongodb+srv. Users and
// passwords in them are never sent.
//
// If the configuration is invalid, healthd prints every problem, one per line.
//
// healthd uses one CPU, unless GOMAXPROCS in the environment is set and there is no command.
//
// Signals: SIGTERM drains and stops, SIGINT stops without draining. A second signal ends the
// process at once, unless it repeats the first one within a second. With a command, both signals
// are passed on to it, SIGTERM after the drain. SIGKILL ends the command after SHUTDOWN_TIMEOUT or
// a second signal. SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 and SIGWINCH are passed on.
//
// Exit codes: 0 stopped, 1 failed, 2 invalid usage or configuration. With a command, the command's
// own code, or 128 plus the number of the signal that killed it; 126 if it cannot be executed, 127
// if it does not exist, 1 after a stop for HEALTHD_STOP_PERCENT. healthd probe exits with 0 if the
// probe passes, for HTTP with status 200-399, and with 1 otherwise.
package main
