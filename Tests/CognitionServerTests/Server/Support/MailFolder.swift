import CognitionCore
import Foundation
import Testing

/// The mails that a server has written.
extension LiveServer {
    /// Waits for the mail of this subject to an address that comes after `count` others.
    func mail(to email: String, _ subject: String, after count: Int = 0) async throws -> (path: String, text: String) {
        let deadline = ContinuousClock.now + .seconds(20)
        while ContinuousClock.now < deadline {
            let found = try mails(to: email).filter { $0.text.contains("\r\nSubject: \(subject)\r\n") }
            if found.count > count { return found[count] }
            try await Task.sleep(for: .milliseconds(20))
        }
        throw TestFailure("no mail '\(subject)' to \(email): \(try mails(to: email))")
    }

    /// Oldest first.
    func mails(to email: String) throws -> [(path: String, text: String)] {
        let folder = sandbox.dataFolder + "/mail"
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else { return [] }
        return try names.filter { $0.hasSuffix(".eml") }.sorted().compactMap { name in
            let text = try String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8)
            return text.contains("\r\nTo: \(email)\r\n") ? ("\(folder)/\(name)", text) : nil
        }
    }

    /// What stands behind the `#` of a mail's link.
    static func token(in mail: String) throws -> String {
        // In a quoted-printable text a long line goes on after `=`.
        let text = mail.replacing("=\r\n", with: "")
        let match = try #require(text.firstMatch(of: /https?:\/\/\S+#([A-Za-z0-9_-]{43})\s/))
        return String(match.1)
    }
}
