import CognitionCore
import Synchronization
import Tracing

/// The span of one transaction: only inside of another that is recorded, so that elsewhere it costs one look at the task.
enum StorageSpan {
    /// - Parameters:
    ///   - operation: `read` or `write`.
    ///   - body: Gets what notes the statements; `nil` where nothing is traced.
    static func around<Value>(
        _ operation: StaticString, _ body: (StatementLog?) async throws -> Value
    ) async throws -> Value {
        guard let context = InstrumentationContext.current, context.trace?.isSampled == true else {
            return try await body(nil)
        }
        let statements = StatementLog()
        let span = startSpan("database \(operation)", context: context, ofKind: .client)
        defer {
            statements.describe(span, "\(operation)")
            span.end()
        }
        do {
            return try await body(statements)
        } catch let error as StorageError {
            // What else a body throws is not the database's.
            span.attributes["error.type"] = error.code.name
            span.setStatus(SpanStatus(code: .error, message: error.message))
            throw error
        }
    }
}

/// The statements of one transaction, with placeholders and without values.
package final class StatementLog: Sendable {
    private static let textBytesMax = 2_048

    private struct State {
        var dialect: Dialect?
        var count = 0
        var text = ""
    }

    private let state = Mutex(State())

    init() {}

    /// A body begins, perhaps once more.
    func begin(in dialect: Dialect) { state.withLock { $0 = State(dialect: dialect) } }

    func note(_ statement: @autoclosure () -> SQL, in dialect: Dialect) {
        state.withLock { state in
            state.count += 1
            guard state.text.utf8.count < Self.textBytesMax else { return }
            if !state.text.isEmpty { state.text += "; " }
            state.text += statement().text(in: dialect)
        }
    }

    /// By OpenTelemetry's semantic conventions for databases.
    fileprivate func describe(_ span: any Span, _ operation: String) {
        guard span.isRecording else { return }
        let state = state.withLock { $0 }
        span.updateAttributes { attributes in
            attributes["db.operation.name"] = operation
            if let dialect = state.dialect {
                attributes["db.system.name"] = dialect == .sqlite ? "sqlite" : "postgresql"
            }
            if state.count > 1 { attributes["db.operation.batch.size"] = state.count }
            if !state.text.isEmpty { attributes["db.query.text"] = state.text }
        }
    }
}
