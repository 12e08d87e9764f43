# The image of the operator (/manager) and of the nodes that it runs (/node):
# two static programs and nothing else. hack/image packs the same image where
# there is no container builder.

# Any image with a shell and the Go of go.mod.
ARG GO_IMAGE=golang:1.26

FROM --platform=$BUILDPLATFORM ${GO_IMAGE} AS build
ARG TARGETOS=linux
ARG TARGETARCH
ARG VERSION=dev
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 GOOS=${TARGETOS} GOARCH=${TARGETARCH} go build -buildvcs=false -trimpath \
    -ldflags "-s -w -X main.version=${VERSION}" -o /out/ ./cmd/manager ./cmd/node
RUN mkdir -m 0750 /out/data

FROM scratch
COPY --from=build /out/manager /out/node /
COPY --from=build --chown=65532:65532 /out/data /data
USER 65532:65532
WORKDIR /data
ENTRYPOINT ["/node"]
