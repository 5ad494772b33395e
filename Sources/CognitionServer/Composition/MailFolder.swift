import CognitionCore
import Foundation

/// Writes mails as `.eml` files below the data folder instead of sending them: what any mail program opens.
///
/// A file is there whole or not at all, and the same mail again replaces its file. The newest ``filesMax`` are kept.
struct MailFolder: OutboundMail {
    static let filesMax = 1_000

    let path: String
    let sender: MailSender

    func send(_ message: MailMessage) async throws {
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            let text = String(decoding: message.encoded(from: sender), as: UTF8.self)
            try PrivateFile.write(text, to: "\(path)/\(Self.name(of: message))")
            try removeOldest()
        } catch {
            throw MailFolderError(cause: error)
        }
    }

    /// Sorted by name they are sorted by time: `20261127T141606Z-<id>.eml`.
    static func name(of message: MailMessage) -> String {
        let second = message.time.description.prefix(19).filter { $0 != "-" && $0 != ":" }
        return "\(second)Z-\(message.id).eml"
    }

    private func removeOldest() throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: path).filter { $0.hasSuffix(".eml") }
        guard names.count > Self.filesMax else { return }
        for name in names.sorted().prefix(names.count - Self.filesMax) { unlink("\(path)/\(name)") }
    }
}

/// A mail could not be written.
private struct MailFolderError: CodedError {
    let cause: (any Error)?

    var code: ErrorCode { ErrorCode("mail.unavailable", category: .unavailable) }
    var message: String { "the mail could not be written: \(cause.map { "\($0)" } ?? "")" }
}
