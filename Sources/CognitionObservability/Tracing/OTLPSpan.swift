import CognitionCore
import Synchronization
package import Tracing

/// What is kept of a span that has ended.
struct SpanRecord: Sendable {
    /// Of attributes, events and links each; OpenTelemetry's own limit.
    static let itemsMax = 128

    let trace: TraceContext
    let parent: TraceContext.SpanID?
    var name: String
    let kind: SpanKind
    /// Since 1970, in nanoseconds.
    let startedAt: UInt64
    var endedAt: UInt64 = 0
    var attributes = SpanAttributes()
    var events: [SpanEvent] = []
    var links: [SpanLink] = []
    var status: SpanStatus?
    var eventsDropped = 0
    var linksDropped = 0
}

/// A span; what is set after its end, or of one that is not sampled, is let go of.
package final class OTLPSpan: Span {
    package let context: InstrumentationContext
    /// `nil` of a span that is not sampled.
    private let queue: SpanQueue?
    /// `nil` once it has ended.
    private let record: Mutex<SpanRecord?>

    init(
        _ name: String, _ kind: SpanKind, _ trace: TraceContext, parent: TraceContext.SpanID?,
        in context: InstrumentationContext, startedAt: UInt64, queue: SpanQueue?
    ) {
        self.context = context
        self.queue = queue
        record = Mutex(
            queue == nil
                ? nil : SpanRecord(trace: trace, parent: parent, name: name, kind: kind, startedAt: startedAt))
    }

    package var isRecording: Bool { record.withLock { $0 != nil } }

    package var operationName: String {
        get { record.withLock { $0?.name } ?? "" }
        set { record.withLock { $0?.name = newValue } }
    }

    package var attributes: SpanAttributes {
        get { record.withLock { $0?.attributes } ?? [:] }
        set { record.withLock { $0?.attributes = newValue } }
    }

    package func setStatus(_ status: SpanStatus) {
        record.withLock { record in
            // "Ok" is final.
            guard record?.status?.code != .ok else { return }
            record?.status = status
        }
    }

    package func addEvent(_ event: SpanEvent) {
        record.withLock { record in
            guard let count = record?.events.count else { return }
            if count < SpanRecord.itemsMax { record?.events.append(event) } else { record?.eventsDropped += 1 }
        }
    }

    package func addLink(_ link: SpanLink) {
        record.withLock { record in
            guard let count = record?.links.count else { return }
            if count < SpanRecord.itemsMax { record?.links.append(link) } else { record?.linksDropped += 1 }
        }
    }

    /// As an event `exception`, by the semantic conventions; the text of an error with a code is its message alone.
    package func recordError<Instant: TracerInstant>(
        _ error: any Error, attributes: SpanAttributes, at instant: @autoclosure () -> Instant
    ) {
        guard queue != nil, !(error is CancellationError) else { return }
        let coded = error as? any CodedError
        var all: SpanAttributes = [
            "exception.type": .string(coded?.code.name ?? "\(type(of: error))"),
            "exception.message": .string(coded?.message ?? "\(error)"),
        ]
        all.merge(attributes)
        addEvent(SpanEvent(name: "exception", at: instant(), attributes: all))
    }

    package func end<Instant: TracerInstant>(at instant: @autoclosure () -> Instant) {
        guard let queue else { return }
        let taken = record.withLock { record in
            defer { record = nil }
            return record
        }
        guard var taken else { return }
        // A clock that was set back makes no span end before it began.
        taken.endedAt = max(instant().nanosecondsSinceEpoch, taken.startedAt)
        queue.add(taken)
    }
}
