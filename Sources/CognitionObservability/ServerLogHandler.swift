package import CognitionCore
package import Logging

/// How log lines look.
package enum LogFormat: String, Sendable, Hashable, CaseIterable {
    /// `{"time":"…","level":"info","label":"…","message":"…","execution.id":"…"}`
    case json
    /// `2026-11-21T03:31:00.000000Z info  label: message execution.id=…`
    case text
}

/// Writes what swift-log is told, one line each, to a `LogSink`.
///
/// Metadata keys stand beside `time`, `level`, `label` and `message`; one that has such a name gets an underscore in
/// front. The most specific value wins: the call's, then the handler's, then the provider's. Keys that name secrets are
/// masked, and so is what looks like a secret in a text (`Redaction`); control characters are escaped and lines bounded
/// (`LineWriter`); what is left out is marked by `log.cut`.
package struct ServerLogHandler: LogHandler {
    /// That of the process unless this logger was given one of its own.
    package var logLevel: Logger.Level {
        get { ownLevel ?? levels.current }
        set { ownLevel = newValue }
    }
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?

    private var ownLevel: Logger.Level?
    private let levels: LogLevels
    private let label: String
    private let format: LogFormat
    private let sink: LogSink
    private let clock: any WallClock

    package init(
        label: String, levels: LogLevels = LogLevels(.info), format: LogFormat, sink: LogSink,
        clock: any WallClock = SystemWallClock(),
        metadataProvider: Logger.MetadataProvider? = nil
    ) {
        self.label = label
        self.levels = levels
        self.format = format
        self.sink = sink
        self.clock = clock
        self.metadataProvider = metadataProvider
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        let line = line(
            level: event.level, message: Redaction.masking(event.message.description), metadata: merged(event))
        sink.write(line) { lost in
            self.line(level: .warning, message: "Log lines were lost", metadata: ["log.lost": "\(lost)"])
        }
    }

    private func merged(_ event: LogEvent) -> Logger.Metadata {
        var all = metadataProvider?.get() ?? [:]
        all.merge(metadata) { $1 }
        if let own = event.metadata { all.merge(own) { $1 } }
        if let error = event.error, all["error"] == nil { all["error"] = "\(error)" }
        return all
    }

    private func line(level: Logger.Level, message: String, metadata: Logger.Metadata) -> [UInt8] {
        var writer = LineWriter()
        let members = metadata.isEmpty ? [] : metadata.sorted { $0.key < $1.key }
        switch format {
        case .json:
            writer.raw("{\"time\":\"\(clock.now)\",\"level\":\"\(level.rawValue)\",\"label\":")
            writer.quoted(label, bytesMax: 256)
            writer.raw(",\"message\":")
            writer.quoted(message)
            for (key, value) in members {
                writer.whole {
                    $0.raw(",")
                    $0.quoted(ServerLogHandler.reserved.contains(key) ? "_" + key : key)
                    $0.raw(":")
                    $0.json(value, key: key)
                }
            }
            if writer.isCut { writer.raw(",\"log.cut\":\"true\"") }
            writer.raw("}\n")
        case .text:
            writer.raw("\(clock.now) \(level.rawValue)")
            for _ in level.rawValue.utf8.count..<8 { writer.raw(" ") }
            writer.raw(" ")
            writer.escaped(label, quotes: false, bytesMax: 256)
            writer.raw(": ")
            writer.escaped(message, quotes: false)
            for (key, value) in members {
                writer.whole {
                    $0.raw(" ")
                    $0.plainOrQuoted(key)
                    $0.raw("=")
                    $0.text(value, key: key)
                }
            }
            if writer.isCut { writer.raw(" log.cut=true") }
            writer.raw("\n")
        }
        return writer.bytes
    }

    private static let reserved: Set<String> = ["time", "level", "label", "message"]
}
