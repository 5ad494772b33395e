import CognitionCore
import CognitionIdentity
import CognitionWorkflows
import Synchronization

/// Encrypts the secrets of workflows with this server's keys, which are read when they are first needed: most commands need
/// none, and make no file of keys.
final class SecretKeyring: SecretCipher {
    private let read: @Sendable () throws -> SecretKeys
    private let keys = Mutex<SecretKeys?>(nil)

    init(_ read: @escaping @Sendable () throws -> SecretKeys) { self.read = read }

    func seal(_ plain: [UInt8], in context: [UInt8]) throws -> SealedSecret {
        let keys = try current()
        return SealedSecret(keyID: keys.currentID, bytes: try keys.seal(plain, in: context))
    }

    func open(_ sealed: SealedSecret, in context: [UInt8]) throws -> [UInt8]? {
        try current().open(sealed.bytes, keyID: sealed.keyID, in: context)
    }

    private func current() throws -> SecretKeys {
        try keys.withLock { keys in
            if let keys { return keys }
            let found = try read()
            keys = found
            return found
        }
    }
}
