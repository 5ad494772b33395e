package import CognitionCore

/// A secret as its owners see it: everything but what it holds.
package struct StoredSecret: Sendable, Hashable {
    package let name: String
    package let createdAt: Timestamp
    package let updatedAt: Timestamp
}

/// What secrets of a workspace are called: `[A-Za-z0-9][A-Za-z0-9_-]{0,62}`, as the DSL's own examples have capitals.
package enum SecretName {
    package static let pattern = "^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$"

    package static func isValid(_ name: String) -> Bool {
        guard (1...63).contains(name.utf8.count), let first = name.utf8.first, HostName.isAlphanumeric(first) else {
            return false
        }
        return name.utf8.allSatisfy {
            HostName.isAlphanumeric($0) || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-")
        }
    }
}

/// The values of secrets in clear, for one attempt at one task; whatever prints it prints names only.
struct SecretValues: Sendable {
    private let values: JSONObject

    init(_ values: JSONObject = [:]) { self.values = values }

    /// What `$secrets` is.
    var json: JSONValue { .object(values) }

    var all: [JSONValue] { values.values }
}

extension SecretValues: CustomStringConvertible, CustomReflectable {
    var description: String { "SecretValues(\(values.keys))" }
    var customMirror: Mirror { Mirror(self, children: ["names": values.keys]) }
}
