import CCrypt
package import CognitionCore
import Glibc

/// Memory that the system's hashing works in; one for each thread, as it is too large for a stack.
package final class CryptMemory {
    private let data: UnsafeMutablePointer<crypt_data>

    package init() {
        data = .allocate(capacity: 1)
        // crypt_r asks for zeros before its first use.
        memset(data, 0, MemoryLayout<crypt_data>.size)
    }

    deinit {
        explicit_bzero(data, MemoryLayout<crypt_data>.size)
        data.deallocate()
    }

    /// The hash of `password`, by the algorithm, cost and salt that `setting` begins with; a whole hash is a setting.
    /// - Throws: `identity.password_hash_failed`.
    package func hash(_ password: Secret, setting: String) throws -> String {
        var phrase = Array(password.reveal().utf8.map(CChar.init(bitPattern:))) + [0]
        defer {
            phrase.withUnsafeMutableBytes { buffer in
                if let start = buffer.baseAddress { explicit_bzero(start, buffer.count) }
            }
        }
        guard let result = crypt_r(&phrase, setting, data) else { throw Bcrypt.failed }
        let hash = String(cString: result)
        // A setting that is not known gives "*0" or "*1".
        guard hash.utf8.count == Bcrypt.hashBytes else { throw Bcrypt.failed }
        return hash
    }
}

/// Passwords as `$2b$` hashes, made by the system's libxcrypt.
enum Bcrypt {
    static let hashBytes = 60
    static let passwordBytesMax = 72

    static let failed = IdentityError(.passwordHashFailed, "the system's library cannot hash passwords with bcrypt")

    /// Algorithm, cost and a new salt of 128 bits.
    /// - Parameter cost: 4...31; each step doubles the work.
    static func newSetting(cost: Int) throws -> String {
        var random = SystemRandomNumberGenerator()
        let salt = (0..<16).map { _ in CChar.random(in: .min ... .max, using: &random) }
        var setting = [CChar](repeating: 0, count: Int(CRYPT_GENSALT_OUTPUT_SIZE))
        guard
            crypt_gensalt_rn("$2b$", UInt(cost), salt, Int32(salt.count), &setting, Int32(setting.count)) != nil
        else { throw failed }
        return String(decoding: setting.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// A setting that costs as much as a real one and belongs to nobody.
    static func emptySetting(cost: Int) -> String {
        "$2b$" + (cost < 10 ? "0" : "") + String(cost) + "$" + String(repeating: ".", count: 22)
    }

    /// What looks and costs like a hash, and is that of no password: its digest was drawn by lot.
    static func hashOfNothing(cost: Int) -> String {
        let setting = emptySetting(cost: cost)
        let alphabet = Array("./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8)
        let digest = (setting.utf8.count..<hashBytes).map { _ in alphabet[Int.random(in: alphabet.indices)] }
        return setting + String(decoding: digest, as: UTF8.self)
    }

    /// The cost that a hash was made with; `nil` for what is no `$2b$` hash.
    static func cost(of hash: String) -> Int? {
        let parts = hash.split(separator: "$", omittingEmptySubsequences: false)
        guard parts.count == 4, parts[1] == "2b", hash.utf8.count == hashBytes else { return nil }
        return Int(parts[2])
    }
}
