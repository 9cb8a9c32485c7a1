// Package server serves the published documents over HTTP, and stops without losing
// a request.
//
// Whatever a client sends, what it can make the process and the kernel hold or compute has
// a bound. For each step of a connection, this is the bound and the test that shows it:
//
//	accept queue    the kernel's, net.core.somaxconn; a full table yields at each accept,
//	                so that it is emptied and what was accepted is read (TestSurvive)
//	accepted        a place in the table, 5 s for the header (TestHTTPLimits, TestEviction)
//	header          8 KiB (TestLongHeader) and 300 lines (TestLines)
//	header refused  its buffers for 500 ms, not at all in a crowded table (TestRefusedHeader)
//	path            404 unless it is served, never a redirect (TestUncleanPaths)
//	body, trailers  nothing before the answer (TestBodyIsNotRead); after it 256 KiB, 10 s
//	                and 300 lines (TestLines), and the connection ends; with
//	                "Expect: 100-continue" likewise (TestBodyIsNotRead)
//	requests        one answer a turn in a crowded table (TestSurvive), 300 lines without
//	                an answer (TestLines), a last answer in a full one (TestConnectionsOutstay)
//	answer          written from memory, not made (TestHandlersDoNotAllocate)
//	blocked write   the socket's buffer, 8 KiB as the kernel counts them, for 10 s
//	                (TestSmallSocketBuffers, TestCloseGivesUp)
//	closing         its place in the table until the answer is acknowledged, at most 5 s
//	                (TestCloseWaits, TestCloseGivesUp, TestEvictionOfUnread)
//	FIN-WAIT-2,     no data; the kernel's, net.ipv4.tcp_fin_timeout and
//	TIME-WAIT       tcp_max_tw_buckets (TestSurvive)
//	stopping        SHUTDOWN_TIMEOUT (TestStopDoesNotWait, TestRunCountsWhatItCuts)
//	log             256 lines, with at most 128 bytes of a request's method and path
//	                (TestRequestLogIsShort)
package server
