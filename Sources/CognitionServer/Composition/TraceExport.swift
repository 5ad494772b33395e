import CognitionCore
import CognitionHTTPClient
import CognitionObservability
import Foundation
import Logging
import Metrics
import ServiceLifecycle
import Tracing

/// Tracing as the settings want it: the tracer that everything makes spans with, and the service that sends them.
///
/// Listed first among the services, so that it ends last, with the spans of what has ended before.
struct TraceExport: Service {
    let tracer: OTLPTracer
    private let exporter: SpanExporter
    private let http: OutboundHTTPOnDemand

    /// - Returns: `nil` when tracing is off.
    init?(_ configuration: ServerConfiguration, logger: Logger) throws {
        guard configuration.isOn(.enableTracing) else { return nil }
        let settings = try configuration.traceExport
        var client = HTTPClientSettings()
        client.connectTimeout = min(.seconds(5), settings.timeout)
        // Whoever runs the server says where spans go; the rules for what workflows may call are not for it.
        client.egress = try EgressRules(deny: [], allow: [OutboundURL(settings.url).origin.host])
        http = OutboundHTTPOnDemand(settings: client)
        let queue = SpanQueue(
            countMax: configuration.number(.traceQueueMax), batchMax: configuration.number(.traceBatchMax))
        let perSecond = configuration.number(.tracesPerSecond)
        tracer = OTLPTracer(
            sampler: try configuration.traceSampler, limit: perSecond > 0 ? TraceLimit(perSecond: perSecond) : nil,
            queue: queue)
        exporter = SpanExporter(
            queue, settings: settings, resource: try configuration.traceResource, http: http, logger: logger)
    }

    func run() async throws {
        await cancelWhenGracefulShutdown { await exporter.run() }
        await exporter.flush()
        await http.shutdown()
    }
}

extension ServerConfiguration {
    /// - Throws: `CommandFailure`, `http_client.invalid_url`.
    var traceExport: SpanExporter.Settings {
        get throws {
            var base = self[.traceEndpoint]
            while base.hasSuffix("/") { base.removeLast() }
            var settings = SpanExporter.Settings(url: try OutboundURL(base + "/v1/traces").description)
            settings.headers = try pairs(.traceHeaders)
            settings.timeout = duration(.traceTimeout)
            settings.delay = duration(.traceDelay)
            return settings
        }
    }

    /// - Throws: `CommandFailure`.
    var traceSampler: TraceSampler {
        get throws {
            guard let ratio = Double(self[.traceSamplerRatio]), (0...1).contains(ratio) else {
                throw CommandFailure("OTEL_TRACES_SAMPLER_ARG is a number from 0 to 1")
            }
            return TraceSampler(
                TraceSampler.Rule(rawValue: self[.traceSampler].lowercased()) ?? .parentAlwaysOn, ratio: ratio)
        }
    }

    /// Who sends spans, by OpenTelemetry's semantic conventions.
    /// - Throws: `CommandFailure`.
    var traceResource: [(name: String, value: String)] {
        get throws {
            let own: [(name: String, value: String)] = [
                (name: "service.name", value: self[.serviceName]), ("service.version", Release.version),
                ("service.instance.id", UUID().uuidString.lowercased()),
                ("deployment.environment.name", self[.environment].lowercased()),
                ("host.name", ProcessInfo.processInfo.hostName),
                ("process.pid", String(ProcessInfo.processInfo.processIdentifier)),
                ("telemetry.sdk.name", "cognitionos"), ("telemetry.sdk.language", "swift"),
                ("telemetry.sdk.version", Release.version),
            ]
            let given = try pairs(.traceAttributes)
            return own.filter { attribute in !given.contains { $0.name == attribute.name } } + given
        }
    }

    /// `NAME=VALUE` separated by commas, as OpenTelemetry writes lists in variables.
    private func pairs(_ setting: Setting) throws -> [(name: String, value: String)] {
        try list(setting).map { item in
            guard let equals = item.firstIndex(of: "="), equals > item.startIndex,
                let value = item[item.index(after: equals)...].removingPercentEncoding
            else { throw CommandFailure("\(setting.name) is NAME=VALUE, separated by commas") }
            return (
                item[..<equals].trimmingCharacters(in: .whitespaces), value.trimmingCharacters(in: .whitespaces)
            )
        }
    }
}
