import CognitionCore
import Tracing

/// The span of one command: only inside of another that is recorded, so that elsewhere it costs one look at the task.
enum CommandSpan {
    /// - Parameter name: Of the command, e.g. `GET`; its arguments are not told.
    static func around<Value>(
        _ name: String, of options: RedisOptions, by tracer: (any Tracer)?, _ body: () async throws -> Value
    ) async throws -> Value {
        guard let context = InstrumentationContext.current, context.trace?.isSampled == true else {
            return try await body()
        }
        let tracer = tracer ?? InstrumentationSystem.tracer
        let span = tracer.startAnySpan("redis \(name)", context: context, ofKind: .client)
        defer { span.end() }
        // By OpenTelemetry's semantic conventions for databases.
        span.updateAttributes { attributes in
            attributes["db.system.name"] = "redis"
            attributes["db.operation.name"] = name
            attributes["db.namespace"] = "\(options.database)"
            attributes["server.address"] = options.host
            attributes["server.port"] = options.port
        }
        do {
            return try await body()
        } catch let error as RedisError {
            span.attributes["error.type"] = error.code.name
            span.setStatus(SpanStatus(code: .error, message: error.message))
            throw error
        }
    }
}
