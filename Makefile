DOCKER ?= docker
IMAGE ?= halobuzz-minimal
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
FUZZTIME ?= 20s

# HTTP/2 is not served; leaving it out saves 0.4 MB of binary and 0.5 MB of memory.
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
test: ## run the tests, with the race detector where C compiles
# -count 1, because the binary that internal/e2e runs is not in go's cache key.
# The race detector needs a C compiler and the headers of the C library; go does not.
	@if echo '#include <stdlib.h>' | $$(go env CC) -x c -fsyntax-only - 2>/dev/null; then \
		CGO_ENABLED=1 go test -count 1 -race ./...; \
	else \
		echo "C does not compile: testing without the race detector"; \
		CGO_ENABLED=0 go test -count 1 ./...; \
	fi

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME (20s)
# Left alone, one input that is worth keeping is made smaller for up to a minute.
	@set -e; for pkg in $$(go list ./...); do \
		list=$$(go test -list '^Fuzz' $$pkg); \
		for target in $$(echo "$$list" | grep '^Fuzz'); do \
			go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 100x $$pkg; \
		done; \
	done

.PHONY: bench
bench: build ## print costs: time and allocations, binary size, idle memory
	@go test -run '^$$' -bench . -benchmem ./...
	@go test -tags e2e -count 1 -v -run '^TestBudget' ./internal/e2e

.PHONY: check
check: ## everything that needs no container
	@test -z "$$(gofmt -l .)" || { gofmt -d .; exit 1; }
	@go mod tidy -diff
	@go vet ./... && go vet -tags e2e ./internal/e2e
	@go fix -diff ./...
	@$(STATICCHECK) ./... && $(STATICCHECK) -tags e2e ./internal/e2e
	@$(MAKE) --no-print-directory test

.PHONY: cross
cross: ## build and vet for the platforms that this is not
	@set -e; for platform in linux/arm64 darwin/arm64; do \
		export GOOS=$${platform%/*} GOARCH=$${platform#*/}; \
		$(BUILD) -o /dev/null ./cmd/healthd; \
		go vet ./...; \
		go vet -tags e2e ./internal/e2e; \
	done

.PHONY: fmt
fmt: ## format the sources; the one target that changes them
	@gofmt -w .

.PHONY: survive
survive: ## flood it and a plain net/http server, in containers (needs Docker, 25 min)
	@DOCKER=$(DOCKER) go test -tags e2e -count 1 -timeout 60m -v -run '^TestSurvive' ./internal/e2e

.PHONY: page
page: ## test the page in headless Chromium (needs chromium and root)
	@go test -tags e2e -count 1 -v -run '^TestBrowser' ./internal/e2e

.PHONY: verdicts
verdicts: ## show how long before a kill it warns, and that it is steady (needs Docker, 5 min)
	@DOCKER=$(DOCKER) CGO_ENABLED=0 go test -tags e2e -count 1 -timeout 20m -v -run '^TestVerdict' ./internal/e2e

.PHONY: compare
compare: ## print what it costs beside a plain net/http server and Express (needs root)
	@go test -tags e2e -count 1 -timeout 30m -v -run '^TestCompare' ./internal/e2e

.PHONY: image
image: ## build the image
	@DOCKER_BUILDKIT=1 $(DOCKER) build -t $(IMAGE) --build-arg VERSION=$(VERSION) .

.PHONY: image-run
image-run: image ## run the image as it is deployed: 256 MB, port 4000
	@$(DOCKER) run --rm -m 256m -p 4000:4000 $(IMAGE)

.PHONY: image-test
image-test: ## build the image and test it in containers
	@DOCKER=$(DOCKER) go test -tags e2e -count 1 -run '^TestImage' ./internal/e2e
