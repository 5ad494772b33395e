import CognitionCore
import CognitionObservability

/// Tracing, by the names that OpenTelemetry's specification gives to what its SDKs are set by.
extension Setting {
    static let enableTracing = Setting(
        "OBSERVABILITY_ENABLE_TRACING", .choice(["true", "false"]), standard: "false",
        "Whether spans are made and sent to OTEL_EXPORTER_OTLP_ENDPOINT.")
    static let traceEndpoint = Setting(
        "OTEL_EXPORTER_OTLP_ENDPOINT", .text, standard: "http://localhost:4318",
        "Where spans are sent, by OTLP over HTTP; /v1/traces is appended.")
    static let traceHeaders = Setting(
        "OTEL_EXPORTER_OTLP_HEADERS", .text, isSecret: true,
        "Headers of these requests, NAME=VALUE, separated by commas; values may be percent-encoded.")
    static let traceTimeout = Setting(
        "OTEL_EXPORTER_OTLP_TIMEOUT", .duration(.milliseconds(100)...(.seconds(300)), bare: .milliseconds),
        standard: "10s", "How long the receiver has to answer.")
    static let traceSampler = Setting(
        "OTEL_TRACES_SAMPLER", .choice(TraceSampler.Rule.allCases.map(\.rawValue)), standard: "parentbased_always_on",
        "Which traces are recorded.")
    static let traceSamplerRatio = Setting(
        "OTEL_TRACES_SAMPLER_ARG", .text, standard: "1.0",
        "The share of traces that traceidratio and parentbased_traceidratio record, 0 to 1.")
    static let tracesPerSecond = Setting(
        "OBSERVABILITY_TRACES_PER_SECOND", .number(0...1_000_000), standard: "1000",
        "Traces that begin on this node and are recorded, a second; 0 for no limit.")
    static let traceAttributes = Setting(
        "OTEL_RESOURCE_ATTRIBUTES", .text,
        "What else is said of the server with its spans, NAME=VALUE, separated by commas.")
    static let traceDelay = Setting(
        "OTEL_BSP_SCHEDULE_DELAY", .duration(.milliseconds(10)...(.seconds(300)), bare: .milliseconds), standard: "5s",
        "How long a span waits for its batch to become full.")
    static let traceQueueMax = Setting(
        "OTEL_BSP_MAX_QUEUE_SIZE", .number(1...1_000_000), standard: "8192",
        "Spans that may wait to be sent, about a kilobyte each; further ones are dropped and counted.")
    static let traceBatchMax = Setting(
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", .number(1...10_000), standard: "512", "Spans of one request.")

    static let tracing = [
        enableTracing, traceEndpoint, traceHeaders, traceTimeout, traceSampler, traceSamplerRatio, tracesPerSecond,
        traceAttributes, traceDelay, traceQueueMax, traceBatchMax,
    ]
}
