DOCKER ?= docker
IMAGE ?= halobuzz-minimal
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
FUZZTIME ?= 20s

# Leaving out HTTP/2 saves 0.4 MB of binary and 0.5 MB of memory.
BUILD = CGO_ENABLED=0 go build -trimpath -buildvcs=false -tags nethttpomithttp2
LDFLAGS = -s -w -X main.version=$(VERSION)
STATICCHECK = go run honnef.co/go/tools/cmd/staticcheck@v0.8.2

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' $(MAKEFILE_LIST) | expand -t 14

.PHONY: run
run: build ## start the service on port 4000, or PORT
	@bin/healthd

.PHONY: build
build: ## build bin/healthd, static
	@$(BUILD) -ldflags "$(LDFLAGS)" -o bin/healthd ./cmd/healthd

.PHONY: test
test: ## run the tests, with the race detector if a C compiler works
# -count 1, because go's test cache does not know the binary that internal/e2e runs.
# The race detector needs a C compiler and the headers of the C library.
	@if echo '#include <stdlib.h>' | $$(go env CC) -x c -fsyntax-only - 2>/dev/null; then \
		CGO_ENABLED=1 go test -count 1 -race ./...; \
	else \
		echo "no working C compiler: testing without the race detector"; \
		CGO_ENABLED=0 go test -count 1 ./...; \
	fi

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME (20s)
# By default, minimizing a single input takes up to a minute.
	@set -e; for pkg in $$(go list ./...); do \
		list=$$(go test -list '^Fuzz' $$pkg); \
		for target in $$(echo "$$list" | grep '^Fuzz'); do \
			go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 100x $$pkg; \
		done; \
	done

.PHONY: bench
bench: build ## print time, allocations, binary size and idle memory
	@go test -run '^$$' -bench . -benchmem ./...
	@go test -tags e2e -count 1 -v -run '^TestBudget' ./internal/e2e

.PHONY: check
check: ## run all checks and tests that need no container
	@test -z "$$(gofmt -l .)" || { gofmt -d .; exit 1; }
	@go mod tidy -diff
	@go vet ./... && go vet -tags e2e ./internal/e2e
	@go fix -diff ./...
	@$(STATICCHECK) ./... && $(STATICCHECK) -tags e2e ./internal/e2e
	@$(MAKE) --no-print-directory test

.PHONY: cross
cross: ## build and vet for linux/arm64 and darwin/arm64
	@set -e; for platform in linux/arm64 darwin/arm64; do \
		export GOOS=$${platform%/*} GOARCH=$${platform#*/}; \
		$(BUILD) -o /dev/null ./cmd/healthd; \
		go vet ./...; \
		go vet -tags e2e ./internal/e2e; \
	done

.PHONY: fmt
fmt: ## format the sources
	@gofmt -w .

.PHONY: survive
survive: ## flood healthd and a plain net/http server (needs Docker, 25 min)
	@DOCKER=$(DOCKER) go test -tags e2e -count 1 -timeout 60m -v -run '^TestSurvive' ./internal/e2e

.PHONY: page
page: ## test the page in headless Chromium (needs chromium and root)
	@go test -tags e2e -count 1 -v -run '^TestBrowser' ./internal/e2e

.PHONY: verdicts
verdicts: ## show how long before a kill healthd warns (needs Docker, 5 min)
	@DOCKER=$(DOCKER) CGO_ENABLED=0 go test -tags e2e -count 1 -timeout 20m -v -run '^TestVerdict' ./internal/e2e

.PHONY: growth
growth: ## show how long before a kill healthd reports a slow leak (needs Docker, 20 min)
	@DOCKER=$(DOCKER) CGO_ENABLED=0 go test -tags e2e -count 1 -timeout 40m -v -run '^TestGrowth' ./internal/e2e

.PHONY: dependencies
dependencies: ## watch a real Redis (needs redis-server)
	@go test -tags e2e -count 1 -v -run '^TestDependency' ./internal/e2e

.PHONY: compare
compare: ## print costs beside other servers and supervisors, or beside OLD_BIN=FILE (needs root)
	@go test -tags e2e -count 1 -timeout 40m -v \
		-run '^TestCompare$(if $(OLD_BIN),Before,(App)?)$$' ./internal/e2e

.PHONY: app-test
app-test: ## run apps under it as PID 1 in containers (needs Docker, Node, npm and HAProxy, 10 min)
	@DOCKER=$(DOCKER) go test -tags e2e -count 1 -timeout 20m -parallel 6 -v \
		-run '^TestApp' ./internal/e2e

.PHONY: image
image: ## build the image
	@DOCKER_BUILDKIT=1 $(DOCKER) build -t $(IMAGE) --build-arg VERSION=$(VERSION) .

.PHONY: image-run
image-run: image ## run the image in 256 MB, on port 4000
	@$(DOCKER) run --rm -m 256m -p 4000:4000 $(IMAGE)

.PHONY: image-test
image-test: ## build the image and test it in containers
	@DOCKER=$(DOCKER) go test -tags e2e -count 1 -run '^TestImage' ./internal/e2e
