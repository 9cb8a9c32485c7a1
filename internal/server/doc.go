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
//	header refused  its buffers for 500 ms, not at all in a crowded table, and only while it
//	                has its place (TestRefusedHeader, TestRefusedHeaderIsEvicted)
//	path            404 unless it is served, never a redirect (TestUncleanPaths)
//	body, trailers  nothing before the response (TestBodyIsNotRead); after it 256 KiB and
//	                10 s, and the connection ends; with "Expect: 100-continue" likewise
//	                (TestBodyIsNotRead); lines count from the first read on, which may
//	                have parts of the body (TestLines)
//	requests        one response a turn (TestSurviveAttacks), 300 lines without a response
//	                (TestLines), a last response in a full table (TestConnectionsShouldYield)
//	response        written from memory, not made (TestHandlersDoNotAllocate)
//	blocked write   the socket's buffer, 8 KiB as the kernel counts them, for 10 s
//	                (TestSmallSocketBuffers, TestCloseGivesUp)
//	FIN-WAIT-1,     its place in the table until the client has acknowledged the response
//	CLOSING,        and its end, at most 5 s, then a reset; checked 4 times a second
//	LAST-ACK        (TestCloseWaits, TestCloseGivesUp, TestCloseWithoutAck,
//	                TestEvictionOfUnread)
//	FIN-WAIT-2,     no data; the kernel's, net.ipv4.tcp_fin_timeout and
//	TIME-WAIT       tcp_max_tw_buckets (TestSurvive)
//	stopping        SHUTDOWN_TIMEOUT (TestStopDoesNotWait, TestStopCountsWhatItCloses)
//	log             256 lines, with at most 128 bytes of a request's method and path
//	                (TestRequestLogIsShort)
package server
