import CognitionCore
import CognitionObservability
import Foundation
import Testing

/// Dashboards and alert rules ask only for what the server exports.
@Suite("Dashboards and alert rules") struct DeployTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Deploy")

    private static func text(_ path: String) throws -> String {
        try String(contentsOf: folder.appendingPathComponent(path), encoding: .utf8)
    }

    /// Names of samples that the server exports, and the labels of each.
    private static let samples: [String: Set<String>] = {
        var samples: [String: Set<String>] = ["up": ["job", "instance"]]
        for metric in MetricCatalog.standard.sorted {
            let labels = Set(metric.labels + ["job", "instance"])
            guard metric.kind == .histogram else {
                samples[metric.exportedName] = labels
                continue
            }
            samples[metric.exportedName + "_bucket"] = labels.union(["le"])
            for suffix in ["_sum", "_count"] { samples[metric.exportedName + suffix] = labels }
        }
        return samples
    }()

    private static let words: Set<String> = [
        "by", "and", "or", "unless", "on", "ignoring", "bool", "without", "offset", "sum", "max", "min", "avg", "count",
    ]

    /// What an expression asks for that there is not.
    private static func faults(in expression: String) -> [String] {
        let plain = expression.replacing(#/"(?:[^"\\]|\\.)*"/#, with: "").replacing(#/\[[^\]]*\]/#, with: "")
        var faults: [String] = []
        var names: [String] = []
        for match in plain.matches(of: #/([a-zA-Z_][a-zA-Z0-9_]*)\s*(\(|\{[^}]*\})?/#) {
            let (name, rest) = (String(match.output.1), match.output.2.map(String.init) ?? "")
            guard rest != "(", !words.contains(name), !isInGrouping(match.range.lowerBound, of: plain),
                !isInNumber(match.range.lowerBound, of: plain)
            else { continue }
            names.append(name)
            guard let labels = samples[name] else {
                faults.append(name)
                continue
            }
            for label in rest.matches(of: #/([a-zA-Z_]+)\s*(?:=~|!~|!=|=)/#)
            where !labels.contains(String(label.output.1)) {
                faults.append("\(name){\(label.output.1)}")
            }
        }
        if names.isEmpty { faults.append("nothing in \(expression)") }
        let all = names.reduce(into: Set<String>()) { $0.formUnion(samples[$1] ?? []) }
        for group in plain.matches(of: #/\bby\s*\(([^)]*)\)/#) {
            for label in group.output.1.split(separator: ",").map({ $0.trimmingCharacters(in: .whitespaces) })
            where !all.contains(label) {
                faults.append("by (\(label))")
            }
        }
        return faults
    }

    private static func isInGrouping(_ place: String.Index, of text: String) -> Bool {
        text.matches(of: #/\bby\s*\([^)]*\)/#).contains { $0.range.contains(place) }
    }

    /// The `e` of `1e6`.
    private static func isInNumber(_ place: String.Index, of text: String) -> Bool {
        place > text.startIndex && text[text.index(before: place)].isNumber
    }

    private static func expressions(in value: JSONValue) -> [String] {
        switch value {
        case .object(let members):
            members.flatMap { name, member in
                name == "expr" ? [member.stringValue ?? ""] : expressions(in: member)
            }
        case .array(let items): items.flatMap(expressions)
        default: []
        }
    }

    @Test(
        "Every panel of a dashboard asks for what there is",
        arguments: ["system", "executions", "jobs", "search", "websocket"])
    func dashboards(_ name: String) throws {
        let dashboard = try JSONValue(parsing: try Self.text("grafana/\(name).json"))
        #expect(dashboard["uid"]?.stringValue == "cognitionos-\(name)")
        let panels = try #require(dashboard["panels"]?.arrayValue)
        let ids = panels.compactMap { $0["id"]?.integerValue }
        #expect(Set(ids).count == panels.count, "panels have ids of their own")
        let expressions = Self.expressions(in: dashboard)
        #expect(expressions.count > 8)
        for expression in expressions { #expect(Self.faults(in: expression).isEmpty, "\(expression)") }
    }

    @Test("Every alert rule asks for what there is")
    func rules() throws {
        let text = try Self.text("prometheus/alerts.yml")
        let rules = text.components(separatedBy: "- alert: ").dropFirst()
        #expect(rules.count > 10)
        for rule in rules {
            let match = try #require(rule.firstMatch(of: #/expr:([\s\S]*?)\n\s+(?:for|labels):/#), "\(rule)")
            let expression = match.output.1.replacing(">\n", with: "\n", maxReplacements: 1)
            #expect(Self.faults(in: String(expression)).isEmpty, "\(expression)")
            #expect(rule.contains("summary:") && rule.contains("description:"), "\(rule)")
            #expect(rule.contains(#/severity: (critical|warning|info)/#), "\(rule)")
        }
    }

    @Test("Prometheus takes the rules", .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/promtool")))
    func promtool() throws {
        let rules = Self.folder.appendingPathComponent("prometheus/alerts.yml").path
        let (status, said) = try Self.run("/usr/bin/promtool", ["check", "rules", rules])
        #expect(status == 0, "\(said)")
    }

    @Test(
        "systemd takes the unit", .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/systemd-analyze"))
    )
    func unit() throws {
        let unit = FileManager.default.temporaryDirectory.appendingPathComponent("cognitionos-\(UUID()).service")
        // It looks whether the program is there.
        try Self.text("systemd/cognitionos.service").replacing("/usr/local/bin/cognitionos", with: "/bin/true")
            .write(to: unit, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(at: unit) }
        let (status, said) = try Self.run("/usr/bin/systemd-analyze", ["verify", "--man=no", unit.path])
        #expect(status == 0 && !said.contains(unit.lastPathComponent), "\(said)")
    }

    private static func run(_ program: String, _ arguments: [String]) throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let said = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, said)
    }

    @Test("What there is not is found", arguments: ["nothing_total", "up{route=\"x\"}", "sum by (status) (up)"])
    func faults(_ expression: String) {
        #expect(!Self.faults(in: expression).isEmpty)
    }
}
