package import Instrumentation

/// The place of a span in its trace, as it is passed on: W3C Trace Context, https://www.w3.org/TR/trace-context.
package struct TraceContext: Sendable, Hashable {
    /// 128 bits, never zero.
    package struct TraceID: Sendable, Hashable, CustomStringConvertible {
        package let high: UInt64
        package let low: UInt64

        package init?(high: UInt64, low: UInt64) {
            guard high != 0 || low != 0 else { return nil }
            self.high = high
            self.low = low
        }

        /// 32 hexadecimal digits.
        package var description: String { high.hexadecimal + low.hexadecimal }
    }

    /// 64 bits, never zero.
    package struct SpanID: Sendable, Hashable, CustomStringConvertible {
        package let value: UInt64

        package init?(_ value: UInt64) {
            guard value != 0 else { return nil }
            self.value = value
        }

        /// 16 hexadecimal digits.
        package var description: String { value.hexadecimal }
    }

    package let traceID: TraceID
    package let spanID: SpanID
    /// Whether the span is recorded somewhere; whoever comes later does as was done before.
    package let isSampled: Bool
    /// What other tracing systems have to say to each other (`tracestate`), passed on as it came.
    package let state: String?
    /// Whether somebody else says so, in the headers of a request.
    package var isRemote = false

    package init(traceID: TraceID, spanID: SpanID, isSampled: Bool, state: String? = nil) {
        self.traceID = traceID
        self.spanID = spanID
        self.isSampled = isSampled
        self.state = state
    }

    /// Reads the two headers.
    ///
    /// - Parameter tracestate: Left out where it is longer than 512 bytes or holds anything but visible ASCII, spaces and
    ///   tabs.
    /// - Returns: `nil` for a `traceparent` that is none; a later version than 00 is read as far as it is known.
    package init?(traceparent: String, tracestate: String? = nil) {
        let bytes = Array(traceparent.utf8)
        // version-trace-parent-flags, in lower-case digits.
        guard bytes.count >= 55, bytes[2] == Self.dash, bytes[35] == Self.dash, bytes[52] == Self.dash,
            let version = Self.number(bytes[0..<2]), version != 0xFF,
            bytes.count == 55 || version > 0 && bytes[55] == Self.dash,
            let high = Self.number(bytes[3..<19]), let low = Self.number(bytes[19..<35]),
            let traceID = TraceID(high: high, low: low),
            let spanID = Self.number(bytes[36..<52]).flatMap(SpanID.init),
            let flags = Self.number(bytes[53..<55])
        else { return nil }
        self.init(
            traceID: traceID, spanID: spanID, isSampled: flags & 1 == 1, state: tracestate.flatMap(Self.usable))
    }

    /// The value of the header `traceparent`, version 00.
    package var traceparent: String {
        String(unsafeUninitializedCapacity: 55) { text in
            text[0] = UInt8(ascii: "0")
            text[1] = UInt8(ascii: "0")
            traceID.high.write(to: text, at: 3)
            traceID.low.write(to: text, at: 19)
            spanID.value.write(to: text, at: 36)
            text[53] = UInt8(ascii: "0")
            text[54] = isSampled ? UInt8(ascii: "1") : UInt8(ascii: "0")
            text[2] = Self.dash
            text[35] = Self.dash
            text[52] = Self.dash
            return 55
        }
    }

    /// The same trace, at another of its spans.
    package func at(_ spanID: SpanID) -> TraceContext {
        TraceContext(traceID: traceID, spanID: spanID, isSampled: isSampled, state: state)
    }

    private static let dash = UInt8(ascii: "-")

    private static func number(_ digits: ArraySlice<UInt8>) -> UInt64? {
        var number: UInt64 = 0
        for digit in digits {
            switch digit {
            case 0x30...0x39: number = number << 4 | UInt64(digit - 0x30)
            case 0x61...0x66: number = number << 4 | UInt64(digit - 0x57)
            default: return nil
            }
        }
        return number
    }

    private static func usable(_ state: String) -> String? {
        guard (1...512).contains(state.utf8.count),
            state.utf8.allSatisfy({ (0x20..<0x7F).contains($0) || $0 == 0x09 })
        else { return nil }
        return state
    }
}

extension UInt64 {
    /// 16 lower-case digits.
    package var hexadecimal: String {
        String(unsafeUninitializedCapacity: 16) { digits in
            write(to: digits, at: 0)
            return 16
        }
    }

    fileprivate func write(to text: UnsafeMutableBufferPointer<UInt8>, at start: Int) {
        for index in 0..<16 {
            let digit = UInt8(truncatingIfNeeded: self >> UInt64(60 - 4 * index)) & 0xF
            text[start + index] = digit < 10 ? 0x30 + digit : 0x57 + digit
        }
    }
}

// MARK: - What a task carries

extension InstrumentationContext {
    private enum TraceKey: InstrumentationContextKey {
        typealias Value = TraceContext
        static var nameOverride: String? { "trace" }
    }

    private enum SpanIDKey: InstrumentationContextKey {
        typealias Value = TraceContext.SpanID
        static var nameOverride: String? { "next-span-id" }
    }

    /// The span that whatever is done now belongs to.
    package var trace: TraceContext? {
        get { self[TraceKey.self] }
        set { self[TraceKey.self] = newValue }
    }

    /// The id that the next span gets, where others have to know it before that span is told of: an execution's, which
    /// its tasks name as their parent, is told of when it has ended. Gone from the context of that span.
    package var nextSpanID: TraceContext.SpanID? {
        get { self[SpanIDKey.self] }
        set { self[SpanIDKey.self] = newValue }
    }

    package init(_ trace: TraceContext) {
        self = .topLevel
        self.trace = trace
    }
}

extension TraceContext {
    /// The span that this task works for; `nil` where nothing is traced, so that asking costs next to nothing.
    package static var current: TraceContext? { InstrumentationContext.current?.trace }
}
