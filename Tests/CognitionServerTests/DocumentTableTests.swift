import CognitionCore
import CognitionIdentity
import Foundation
import Testing

/// Tables of the documents that the program has to agree with.
@Suite("Tables of the documents") struct DocumentTableTests {
    private func rows(of page: String, below heading: String) throws -> [[String]] {
        let text = try String(contentsOfFile: Binary.repository() + "/Docs/" + page, encoding: .utf8)
        let rest = try #require(text.components(separatedBy: "\n## \(heading)\n").dropFirst().first)
        let section = try #require(rest.components(separatedBy: "\n## ").first)
        return section.split(separator: "\n").filter { $0.hasPrefix("|") }.map { line in
            line.dropFirst().dropLast().split(separator: "|", omittingEmptySubsequences: false)
                .map { $0.trimmingCharacters(in: .whitespaces) }
        }
    }

    @Test("Which role has which permission is as Workspaces.md says")
    func roles() throws {
        var table = try rows(of: "Workspaces.md", below: "Roles")
        let roles = try table.removeFirst()[1...4].map { name in
            try #require(Role(rawValue: name.trimmingCharacters(in: ["`"])))
        }
        #expect(Set(roles) == Set(Role.allCases))
        table.removeFirst()
        let permissions = try table.map { row in
            try #require(Permission(rawValue: row[0].trimmingCharacters(in: ["`"])), "\(row)")
        }
        #expect(permissions.count == Permission.allCases.count && Set(permissions) == Set(Permission.allCases))
        for (permission, row) in zip(permissions, table) {
            for (role, mark) in zip(roles, row[1...4]) {
                #expect(
                    role.permissions.contains(permission) == (mark == "✓"), "\(role.rawValue) \(permission.rawValue)")
            }
        }
    }

    @Test("Every action of the audit trail has its line in Audit.md, and no other has one")
    func actions() throws {
        let names = try rows(of: "Audit.md", below: "Actions").dropFirst(2).flatMap { row in
            row[0].split(separator: ",").map { $0.trimmingCharacters(in: [" ", "`"]) }
        }
        #expect(names.count == Set(names).count)
        #expect(Set(names) == Set(AuditAction.allCases.map(\.rawValue)))
    }
}
