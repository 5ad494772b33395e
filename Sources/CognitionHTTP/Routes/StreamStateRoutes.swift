import CognitionCore
package import CognitionEvents
import HTTPTypes

/// What the events of a stream add up to, now and before.
package struct StreamStateRoutes: RouteGroup {
    package static let tag = EventLogRoutes.tag
    private let log: EventLog

    package init(log: EventLog) { self.log = log }

    package func routes(_ api: inout API) {
        let rule = """
            The data of each event is merged into the state (RFC 7396): members are replaced one by one, null takes one away. At \
            most 100,000 events are folded for one answer; states on the way are kept, so that this is seldom needed.
            """
        let stream: [any AnyParameter] = [EventLogRoutes.streamType, EventLogRoutes.streamID]
        api.route(
            .get, "streams/{type}/{id}/state", parameters: stream + [Self.version, Self.at, Self.provenance],
            answers: [.ok(StreamStateShape.self)], errors: [.notFound, .forbidden, .gone, .limited],
            access: .permission(.readEvents), summary: "Shows what the events of a stream add up to, now or before.",
            details: rule, use: state)
        api.route(
            .get, "streams/{type}/{id}/changes", parameters: stream + [Self.from, Self.to],
            answers: [.ok(StreamChangesShape.self)], errors: [.notFound, .forbidden, .gone, .limited],
            access: .permission(.readEvents), summary: "Compares the state of a stream at two versions.",
            details: "Unless told otherwise, the last event is what is looked at: before it, and after it. " + rule,
            use: changes)
    }

    private static let version = count("version", "The state after this version; the last unless given.")
    private static let at = Parameter.moment("at", "The state at this moment; not with `version`.")
    private static let provenance = Parameter<Bool>(
        "provenance", in: .query, .flag(), "Whether it is told which event has set each value.",
        read: { ["true": true, "false": false][$0] })
    private static let from = count("from", "The version before; one less than `to` unless given.")
    private static let to = count("to", "The version after; the last unless given.")

    private static func count(_ name: String, _ what: String) -> Parameter<Int64> {
        Parameter(name, in: .query, .whole(0...(.max)), what, read: { Int64($0).flatMap { $0 >= 0 ? $0 : nil } })
    }

    @Sendable private func state(_ call: Call<Void>) async throws -> Answer {
        let stream = try EventLogRoutes.readable(call)
        let limit: FoldLimit
        switch (try call.query(Self.version), try call.query(Self.at)) {
        case (nil, nil): limit = .end
        case (let version?, nil): limit = .version(version)
        case (nil, let time?): limit = .time(time)
        case (_?, _?): throw RequestError(.parameterInvalid, "either version or at says which state is wanted")
        }
        guard let folded = try await log.state(of: stream, in: call.workspace, at: limit) else {
            throw EventLogRoutes.unknown(stream)
        }
        var origins: [Provenance.Origin]?
        if try call.query(Self.provenance) == true {
            // Up to where the state goes, whatever has come meanwhile.
            origins = try await log.provenance(of: stream, in: call.workspace, at: .version(folded.version))
        }
        return .ok(StreamStateShape(stream: stream, folded: folded, origins: origins))
    }

    @Sendable private func changes(_ call: Call<Void>) async throws -> Answer {
        let stream = try EventLogRoutes.readable(call)
        let (from, to) = (try call.query(Self.from), try call.query(Self.to))
        guard let changes = try await log.changes(of: stream, in: call.workspace, from: from, to: to) else {
            throw EventLogRoutes.unknown(stream)
        }
        let last = min(to ?? .max, changes.after.version)
        guard from ?? 0 <= last else {
            throw RequestError(.parameterInvalid, "from is a version before to, which is \(last)")
        }
        return .ok(StreamChangesShape(stream: stream, before: changes.before, after: changes.after))
    }
}
