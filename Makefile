# Espalier: the verbs of the project. `make help` lists them.

SHELL := /bin/bash
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
IMAGE   ?= espalier:dev
LDFLAGS := -s -w -X main.version=$(VERSION)

.PHONY: help
help: ## Show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: generate
generate: ## Write the generated files anew: deepcopy, CRDs, chart, reference
	hack/generate.sh

.PHONY: fmt
fmt: ## Format the Go files
	gofmt -w $$(git ls-files '*.go')

.PHONY: lint
lint: ## Check formatting, vet, static analysis and that generated files are current
	hack/lint.sh

.PHONY: build
build: ## Build the binaries into bin/
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./cmd/...

.PHONY: image
image: build ## Pack the binaries into bin/espalier.tar, an image without a base
	hack/image/build.sh $(IMAGE) bin/espalier.tar

.PHONY: test
test: ## Run every test that needs no cluster; installs what it needs (what CI and a newcomer run)
	hack/test.sh

.PHONY: conformance
conformance: ## Run the files of Redis's own test suite that the node has to pass
	hack/conformance.sh

.PHONY: e2e
e2e: ## Run the tests on a real Kubernetes: our own, or the one that KUBECONFIG names
	hack/e2e.sh

.PHONY: bench
bench: ## Measure the node against redis-server, in turn, as ratios
	hack/bench.sh

.PHONY: bench-repl
bench-repl: ## Measure full syncs, pauses, AOF and lag against redis-server, as ratios
	hack/bench.sh -replication

.PHONY: soak
soak: ## Run the long forms of the tests, for hours; the report is kept in docs/reports
	hack/soak.sh

.PHONY: demo
demo: ## Show it all on a fresh Debian machine: cluster, tree, a killed master, nothing lost
	hack/demo.sh

.PHONY: cluster-up
cluster-up: ## Start a real three-node Kubernetes on this machine
	hack/cluster/up.sh

.PHONY: cluster-down
cluster-down: ## Stop it and leave nothing behind
	hack/cluster/down.sh

.PHONY: clean
clean: ## Remove built files; caches of Go stay
	rm -rf bin .work
