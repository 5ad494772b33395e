import CognitionCore
import CognitionStorage
import Crypto

/// Mails that wait to be sent: rows that commit with what they tell of, and are gone once somebody else answers for them.
///
/// A mail may hold a token that opens an account, so address, subject and text are encrypted (AES-256-GCM, bound to the
/// mail's id) with a key that is derived from the server's; the database alone gives nothing away.
struct MailOutbox: Sendable {
    /// Mails that may wait at once, of all nodes; one more is refused.
    static let waitingMax = 10_000

    private let key: SymmetricKey
    private let ids: UUIDGenerator

    init(keys: SigningKeys, ids: UUIDGenerator) {
        key = keys.derivedKey(for: "cognitionos mails")
        self.ids = ids
    }

    // MARK: In

    /// Puts a mail into the outbox; it leaves after the commit.
    /// - Throws: `identity.mail_backlog`.
    func add(_ mail: NewMail, now: Timestamp, _ tx: borrowing Transaction) throws {
        try Self.checkRoom(tx)
        let id: UUIDv7 = ids.next()
        try tx.execute(
            """
            INSERT INTO outbound_mails (id, purpose, sealed, created_at, expires_at, due_at, attempts)
            VALUES (\(id), \(mail.purpose), \(seal(mail, id)), \(now), \(mail.expiresAt), \(now), 0)
            """)
        tx.signal(.mails)
    }

    /// Whether there is room for one more; asked for first where the answer must not tell whether a mail is sent.
    /// - Throws: `identity.mail_backlog`.
    static func checkRoom(_ tx: borrowing Transaction) throws {
        let last = try tx.first("SELECT key FROM outbound_mails ORDER BY key LIMIT 1 OFFSET \(waitingMax - 1)") {
            try $0[0] as Int64
        }
        guard last == nil else {
            throw IdentityError(.mailBacklog, "\(waitingMax) mails wait to be sent already; try again later")
        }
    }

    // MARK: Out

    /// Takes mails that are due, for `lease`; whoever takes them says afterwards what became of them.
    func claim(limit: Int, lease: Duration, now: Timestamp, _ tx: borrowing Transaction) throws -> [ClaimedMail] {
        try tx.query(
            """
            UPDATE outbound_mails SET due_at = \(now + lease), attempts = attempts + 1
            WHERE key IN (SELECT key FROM outbound_mails WHERE due_at <= \(now) ORDER BY due_at, key LIMIT \(limit)
                          \(fragment: .skipLocked))
            RETURNING key, id, purpose, attempts, created_at, expires_at, sealed
            """
        ) { row in
            let (id, createdAt) = (try row[1] as UUIDv7, try row[4] as Timestamp)
            return ClaimedMail(
                key: try row[0], id: id, purpose: try row[2], attempt: try row[3], createdAt: createdAt,
                expiresAt: try row[5], message: open(try row[6], id, createdAt))
        }.sorted { $0.key < $1.key }
    }

    static func remove(_ mail: ClaimedMail, _ tx: borrowing Transaction) throws {
        try tx.execute("DELETE FROM outbound_mails WHERE key = \(mail.key) AND attempts = \(mail.attempt)")
    }

    static func postpone(_ mail: ClaimedMail, to moment: Timestamp, _ tx: borrowing Transaction) throws {
        try tx.execute(
            "UPDATE outbound_mails SET due_at = \(moment) WHERE key = \(mail.key) AND attempts = \(mail.attempt)")
    }

    static func waitingCount(_ tx: borrowing Transaction) throws -> Int {
        try tx.first("SELECT count(*) FROM outbound_mails") { try $0[0] as Int } ?? 0
    }

    // MARK: At rest

    private func seal(_ mail: NewMail, _ id: UUIDv7) throws -> [UInt8] {
        let content: JSONValue = [
            "to": .string(mail.to.text), "subject": .string(mail.subject), "text": .string(mail.text),
        ]
        let sealed = try AES.GCM.seal(content.jsonBytes, using: key, authenticating: Array(id.description.utf8))
        guard let bytes = sealed.combined else { preconditionFailure("a nonce of the standard size combines") }
        return Array(bytes)
    }

    private func open(_ sealed: [UInt8], _ id: UUIDv7, _ time: Timestamp) -> MailMessage? {
        // Whatever is wrong with it, nobody can send it.
        guard let box = try? AES.GCM.SealedBox(combined: sealed),
            let bytes = try? AES.GCM.open(box, using: key, authenticating: Array(id.description.utf8)),
            let content = try? JSONValue(parsing: Array(bytes)),
            let to = content["to"]?.stringValue.flatMap(MailAddress.init),
            let subject = content["subject"]?.stringValue, let text = content["text"]?.stringValue
        else { return nil }
        return MailMessage(id: id, to: to, subject: subject, text: text, time: time)
    }
}

extension SignalTopic {
    /// A mail was put into the outbox.
    static let mails: SignalTopic = "identity.mails"
}
