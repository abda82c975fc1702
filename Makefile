# Everything here needs Go and nothing else, except race (a C compiler), cross (that and qemu-user) and accept (npm): what is
# missing is skipped, and said so. With CI=true in the environment it is a failure instead.

SHELL    := bash
GO       ?= go
FUZZTIME ?= 10s
SEEDS    ?= 1-10000

.PHONY: test race cross fuzz bench soak mutants accept shots

# All tests.
test:
	CGO_ENABLED=0 $(GO) vet ./...
	CGO_ENABLED=0 $(GO) test ./...

# All tests but the longest under the race detector, scenarios with few seeds: worlds are of one goroutine, and what runs at
# once is the same for any number of them.
race:
	@if command -v "$$($(GO) env CC)" >/dev/null; then \
		set -x; SEEDBED_SEEDS=1-4 CGO_ENABLED=1 $(GO) test -race -short ./...; \
	elif [ "$$CI" = true ]; then \
		echo "race: the race detector needs a C compiler, and there is none" >&2; exit 1; \
	else \
		echo "SKIPPED: the race detector needs a C compiler, and there is none"; \
	fi

# Exports are read by readers of other projects, which npm installs at the versions of a lock file: 200 MB.
accept:
	@if command -v npm >/dev/null; then \
		set -ex; npm ci --no-audit --no-fund --loglevel=error --prefix export/testdata/accept; \
		$(GO) test -count=1 -v -run '^TestReadersAccept$$' ./export; \
	elif [ "$$CI" = true ]; then \
		echo "accept: the readers need npm, and there is none" >&2; exit 1; \
	else \
		echo "SKIPPED: the readers need npm, and there is none"; \
	fi

# Pictures of three failures, in docs/shots. They need chromium.
shots:
	$(GO) run ./internal/shots

# The hashes of seeds and plans, over builds, settings, releases of Go and processors.
cross:
	$(GO) run ./internal/cross

# Each fuzz target for a while. Shrinking what is new but harmless would eat most of it. A target that failed because its
# time was up, with no failing input, has met a race in Go's coordinator (go.dev/issue/75804), and is run again.
fuzz:
	@set -o pipefail; log=$$(mktemp); trap 'rm -f "$$log"' EXIT; \
	grep -rHo '^func Fuzz[A-Za-z0-9]*' --include='*_test.go' --exclude-dir=testdata . | sort | sed 's|/[^/]*:func | |' | \
	while read -r package target; do \
		for try in 1 2 3; do \
			echo "$$package $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 20x "$$package" 2>&1 | tee "$$log" && break; \
			[ $$try -lt 3 ] && grep -q '^ *context deadline exceeded$$' "$$log" && ! grep -q 'Failing input' "$$log" || exit 1; \
		done; \
	done

# What the project promises about speed, beside what this machine reaches.
bench:
	$(GO) run ./internal/bench

# No finding in very many seeds of the models that are meant to be right.
soak:
	$(GO) run ./cmd/seedbed sweep raft/kv raft/log raft/election --seeds $(SEEDS)

# How many seeds it takes to find each planted mistake, as docs/mutants.md tells.
mutants:
	$(GO) run ./cmd/seedbed mutants --write docs/mutants.md
