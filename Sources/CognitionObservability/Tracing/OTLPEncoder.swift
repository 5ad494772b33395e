import CognitionCore
import Tracing

/// Makes requests to a receiver of traces: the JSON of OTLP 1, https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding.
///
/// Texts pass ``Redaction`` and are cut at ``textBytesMax``; ids are hexadecimal, as the specification has it.
struct OTLPEncoder: Sendable {
    static let textBytesMax = 4_096

    /// Everything before the spans: who sends them.
    private let opening: [UInt8]

    /// - Parameters:
    ///   - resource: What sends the spans, by the semantic conventions: `service.name` and so on.
    ///   - version: Of this program, which made the spans.
    init(resource: [(name: String, value: String)], version: String) {
        var bytes: [UInt8] = []
        bytes.put("{\"resourceSpans\":[{\"resource\":{\"attributes\":[")
        for (index, attribute) in resource.enumerated() {
            if index > 0 { bytes.put(",") }
            Self.attribute(attribute.name, .string(attribute.value), into: &bytes)
        }
        bytes.put("]},\"scopeSpans\":[{\"scope\":{\"name\":\"cognitionos\",\"version\":")
        bytes.quote(version)
        bytes.put("},\"spans\":[")
        opening = bytes
    }

    func request(_ spans: [SpanRecord]) -> [UInt8] {
        var bytes = opening
        bytes.reserveCapacity(opening.count + spans.count * 1_024)
        for (index, span) in spans.enumerated() {
            if index > 0 { bytes.put(",") }
            Self.span(span, into: &bytes)
        }
        bytes.put("]}]}]}")
        return bytes
    }

    private static func span(_ span: SpanRecord, into bytes: inout [UInt8]) {
        bytes.put("{\"traceId\":\"\(span.trace.traceID)\",\"spanId\":\"\(span.trace.spanID)\"")
        if let parent = span.parent { bytes.put(",\"parentSpanId\":\"\(parent)\"") }
        if let state = span.trace.state {
            bytes.put(",\"traceState\":")
            bytes.quote(state)
        }
        bytes.put(",\"flags\":1,\"name\":")
        bytes.quote(text(span.name))
        bytes.put(",\"kind\":\(number(of: span.kind)),\"startTimeUnixNano\":\"\(span.startedAt)\"")
        bytes.put(",\"endTimeUnixNano\":\"\(span.endedAt)\"")
        let dropped = attributes(span.attributes, into: &bytes)
        if dropped > 0 { bytes.put(",\"droppedAttributesCount\":\(dropped)") }
        list("events", span.events, dropped: span.eventsDropped, "droppedEventsCount", into: &bytes) { event, bytes in
            bytes.put("{\"timeUnixNano\":\"\(event.nanosecondsSinceEpoch)\",\"name\":")
            bytes.quote(text(event.name))
            attributes(event.attributes, into: &bytes)
            bytes.put("}")
        }
        let links = span.links.filter { $0.context.trace != nil }
        list("links", links, dropped: span.linksDropped, "droppedLinksCount", into: &bytes) { link, bytes in
            guard let trace = link.context.trace else { return }
            bytes.put("{\"traceId\":\"\(trace.traceID)\",\"spanId\":\"\(trace.spanID)\"")
            attributes(link.attributes, into: &bytes)
            bytes.put("}")
        }
        if let status = span.status {
            bytes.put(",\"status\":{\"code\":\(status.code == .ok ? 1 : 2)")
            if let message = status.message {
                bytes.put(",\"message\":")
                bytes.quote(text(message))
            }
            bytes.put("}")
        }
        bytes.put("}")
    }

    private static func list<Element>(
        _ name: String, _ elements: [Element], dropped: Int, _ droppedName: String, into bytes: inout [UInt8],
        _ write: (Element, inout [UInt8]) -> Void
    ) {
        guard !elements.isEmpty else { return }
        bytes.put(",\"\(name)\":[")
        for (index, element) in elements.enumerated() {
            if index > 0 { bytes.put(",") }
            write(element, &bytes)
        }
        bytes.put("]")
        if dropped > 0 { bytes.put(",\"\(droppedName)\":\(dropped)") }
    }

    /// - Returns: How many there was no room for.
    @discardableResult
    private static func attributes(_ attributes: SpanAttributes, into bytes: inout [UInt8]) -> Int {
        guard !attributes.isEmpty else { return 0 }
        bytes.put(",\"attributes\":[")
        var count = 0
        attributes.forEach { name, value in
            if count < SpanRecord.itemsMax {
                if count > 0 { bytes.put(",") }
                attribute(name, value, into: &bytes)
            }
            count += 1
        }
        bytes.put("]")
        return max(0, count - SpanRecord.itemsMax)
    }

    private static func attribute(_ name: String, _ value: SpanAttribute, into bytes: inout [UInt8]) {
        bytes.put("{\"key\":")
        bytes.quote(name)
        bytes.put(",\"value\":")
        if Redaction.hides(name) { scalar(.string(Secret.mask), into: &bytes) } else { any(value, into: &bytes) }
        bytes.put("}")
    }

    private static func any(_ value: SpanAttribute, into bytes: inout [UInt8]) {
        switch value {
        case .int32Array(let values): array(values.map { .int64(Int64($0)) }, into: &bytes)
        case .int64Array(let values): array(values.map { .int64($0) }, into: &bytes)
        case .doubleArray(let values): array(values.map { .double($0) }, into: &bytes)
        case .boolArray(let values): array(values.map { .bool($0) }, into: &bytes)
        case .stringArray(let values): array(values.map { .string($0) }, into: &bytes)
        case .stringConvertibleArray(let values): array(values.map { .string($0.description) }, into: &bytes)
        default: scalar(value, into: &bytes)
        }
    }

    private static func array(_ values: [SpanAttribute], into bytes: inout [UInt8]) {
        bytes.put("{\"arrayValue\":{\"values\":[")
        for (index, value) in values.enumerated() {
            if index > 0 { bytes.put(",") }
            scalar(value, into: &bytes)
        }
        bytes.put("]}}")
    }

    private static func scalar(_ value: SpanAttribute, into bytes: inout [UInt8]) {
        switch value {
        case .int32(let number): bytes.put("{\"intValue\":\"\(number)\"}")
        case .int64(let number): bytes.put("{\"intValue\":\"\(number)\"}")
        case .double(let number) where number.isFinite: bytes.put("{\"doubleValue\":\(number)}")
        // JSON has no such numbers; the mapping of protocol buffers has these words for them.
        case .double(let number):
            bytes.put("{\"doubleValue\":\"\(number.isNaN ? "NaN" : number < 0 ? "-Infinity" : "Infinity")\"}")
        case .bool(let flag): bytes.put("{\"boolValue\":\(flag)}")
        case .string(let string): words(string, into: &bytes)
        case .stringConvertible(let value): words(value.description, into: &bytes)
        default: words("", into: &bytes)
        }
    }

    private static func words(_ string: String, into bytes: inout [UInt8]) {
        bytes.put("{\"stringValue\":")
        bytes.quote(text(string))
        bytes.put("}")
    }

    private static func text(_ string: String) -> String {
        let masked = Redaction.masking(string)
        guard masked.utf8.count > textBytesMax else { return masked }
        return String(decoding: masked.utf8.prefix(textBytesMax), as: UTF8.self) + "…"
    }

    private static func number(of kind: SpanKind) -> Int {
        switch kind {
        case .server: 2
        case .client: 3
        case .producer: 4
        case .consumer: 5
        default: 1
        }
    }
}

extension [UInt8] {
    fileprivate mutating func put(_ text: String) { append(contentsOf: text.utf8) }
    fileprivate mutating func quote(_ text: String) { JSONValue.string(text).writeJSON(into: &self) }
}
