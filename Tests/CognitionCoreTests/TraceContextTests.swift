import CognitionCore
import Testing

@Suite("W3C Trace Context") struct TraceContextTests {
    private static let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    @Test("What is read is written again")
    func roundTrip() throws {
        let trace = try #require(TraceContext(traceparent: Self.traceparent, tracestate: "congo=t61rcWkgMzE,rojo=00"))
        #expect(trace.traceparent == Self.traceparent)
        #expect(trace.traceID.description == "4bf92f3577b34da6a3ce929d0e0e4736")
        #expect(trace.spanID.description == "00f067aa0ba902b7")
        #expect(trace.isSampled && trace.state == "congo=t61rcWkgMzE,rojo=00")
        let unsampled = Self.traceparent.dropLast() + "0"
        #expect(TraceContext(traceparent: String(unsampled))?.traceparent == String(unsampled))
    }

    @Test(
        "What is none is refused, by the examples of the specification",
        arguments: [
            "", "00", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
        ])
    func refused(_ text: String) {
        #expect(TraceContext(traceparent: text) == nil)
    }

    @Test("A later version is read as far as it is known, and flags that nobody knows are passed over")
    func later() throws {
        let text = "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03-what-the-future-will-be-like"
        #expect(try #require(TraceContext(traceparent: text)).traceparent == Self.traceparent)
    }

    @Test(
        "A state that cannot be passed on is left out", arguments: ["", "a=\u{7}", String(repeating: "a", count: 513)])
    func states(_ state: String) throws {
        #expect(try #require(TraceContext(traceparent: Self.traceparent, tracestate: state)).state == nil)
    }
}
