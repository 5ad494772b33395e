import CognitionCore
import CognitionDocuments
import Configuration
import Foundation

/// What is in force: read once, from the environment and the file that `COGNITIONOS_CONFIG` names.
///
/// `COGNITIONOS_NAME` wins over `NAME`, and the environment over the file. An unknown name in the file is an error; in the
/// environment, under our prefix, a warning.
struct ServerConfiguration: Sendable {
    private static let prefix = "COGNITIONOS_"
    private static let fileVariable = "COGNITIONOS_CONFIG"

    /// Values by name; every setting has one.
    private var values: [String: String]
    /// Names of the settings that somebody has set.
    private var given: Set<String>
    let warnings: [String]

    init(environment: [String: String] = ProcessInfo.processInfo.environment) throws {
        let variables = EnvironmentVariablesProvider(environmentVariables: environment)
        let file = try environment[Self.fileVariable].map(Self.read(file:)) ?? [:]
        let reader = ConfigReader(providers: [
            variables.prefixKeys(with: "cognitionos"), variables,
            InMemoryProvider(
                name: "file",
                values: file.reduce(into: [:]) { $0[AbsoluteConfigKey([$1.key])] = .init(stringLiteral: $1.value) }),
        ])
        var values: [String: String] = [:]
        var given: Set<String> = []
        var faults: [String] = []
        for setting in Setting.all {
            let value = reader.string(forKey: ConfigKey([setting.name]), isSecret: setting.isSecret) ?? ""
            if let fault = value.isEmpty ? nil : setting.fault(in: value) { faults.append("\(setting.name) \(fault)") }
            if !value.isEmpty { given.insert(setting.name) }
            values[setting.name] = value.isEmpty ? setting.standard : value
        }
        guard faults.isEmpty else {
            throw CommandFailure("the configuration is not valid: " + faults.joined(separator: "; "))
        }
        self.values = values
        self.given = given
        let known = Set(Setting.all.map { Self.prefix + $0.name } + [Self.fileVariable])
        warnings =
            environment.keys.filter { $0.hasPrefix(Self.prefix) && !known.contains($0) }.sorted()
            .map { "\($0) is no setting of this release" } + Self.redisWarnings(values)
    }

    subscript(setting: Setting) -> String { values[setting.name] ?? setting.standard }

    /// An option of the command line wins over everything else.
    mutating func set(_ setting: Setting, to value: String) throws {
        if let fault = setting.fault(in: value) { throw CommandFailure("\(setting.name) \(fault)") }
        values[setting.name] = value
        given.insert(setting.name)
    }

    func isGiven(_ setting: Setting) -> Bool { given.contains(setting.name) }

    func number(_ setting: Setting) -> Int { Int(self[setting]) ?? Int(setting.standard) ?? 0 }

    func isOn(_ setting: Setting) -> Bool { self[setting].lowercased() == "true" }

    /// A value that was given was checked when it was read, and every default is one.
    func duration(_ setting: Setting) -> Duration {
        guard case .duration(_, let unit) = setting.kind,
            let duration = try? Duration(configurationText: self[setting], bareUnit: unit)
        else { preconditionFailure("\(setting.name) is no duration") }
        return duration
    }

    func list(_ setting: Setting) -> [String] {
        self[setting].split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
    }

    /// What `check` prints: each setting with its value, secrets masked.
    var shown: [(name: String, value: String, isGiven: Bool)] {
        Setting.all.map { setting in
            var value = self[setting]
            if setting.isSecret, !value.isEmpty { value = "••••" }
            if case .address = setting.kind {
                value = value.replacing(/:\/\/.*@/, with: "://••••@").replacing(/password=[^&]*/, with: "password=••••")
            }
            return (setting.name, value, isGiven(setting))
        }
    }

    /// The names and values of the file, which is one flat mapping.
    private static func read(file path: String) throws -> [String: String] {
        let bytes = try BoundedFile.bytes(of: path, max: BoundedFile.configurationBytesMax)
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw CommandFailure("the configuration file \(path) is no UTF-8 text")
        }
        let document: PositionedDocument
        do {
            document = try PositionedDocument(yamlOrJSON: text)
        } catch {
            throw CommandFailure("the configuration file \(path): \(error.message)")
        }
        guard case .object(let members) = document.value else {
            throw CommandFailure("the configuration file \(path) is a mapping of names to values")
        }
        let names = Set(Setting.all.map(\.name))
        return try members.reduce(into: [:]) { values, member in
            let name = member.key.uppercased()
            guard names.contains(name) else {
                throw CommandFailure("the configuration file \(path): \(member.key) is no setting of this release")
            }
            switch member.value {
            case .string(let text): values[name] = text
            case .array(let items): values[name] = items.map { $0.stringValue ?? $0.jsonText }.joined(separator: ",")
            case .null: break
            case .object:
                throw CommandFailure("the configuration file \(path): \(member.key) is one value, not a mapping")
            default: values[name] = member.value.jsonText
            }
        }
    }
}

extension ServerConfiguration {
    var dataDirectory: String { absolute(self[.dataDir]) }

    func absolute(_ path: String) -> String {
        URL(fileURLWithPath: path).standardizedFileURL.path
    }
}
