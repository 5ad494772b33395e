package import CognitionCore
import NIOCore
import NIOSSL
import Synchronization

/// The certificate and key with which the server speaks TLS, read from their files; read again when they have changed.
///
/// TLS 1.2 or newer, HTTP/1.1 only. Connections that are open keep what they have begun with.
package final class TLSIdentity: Sendable {
    package let certificatePath: String
    package let keyPath: String
    private let context: Mutex<NIOSSLContext>

    /// - Parameters:
    ///   - certificatePath: PEM, the server's own certificate first, then those that lead to a root.
    ///   - keyPath: PEM, not encrypted.
    /// - Throws: `tls.file_invalid`, `tls.key_mismatch`.
    package init(certificatePath: String, keyPath: String) throws {
        self.certificatePath = certificatePath
        self.keyPath = keyPath
        context = Mutex(try Self.context(certificatePath, keyPath))
    }

    /// Reads both files again; what was read before stays when something is wrong with them.
    /// - Throws: As `init`.
    package func reload() throws {
        let new = try Self.context(certificatePath, keyPath)
        context.withLock { $0 = new }
    }

    func handler() -> NIOSSLServerHandler { NIOSSLServerHandler(context: context.withLock { $0 }) }

    private static func context(_ certificatePath: String, _ keyPath: String) throws -> NIOSSLContext {
        let chain: [NIOSSLCertificate]
        do {
            chain = try NIOSSLCertificate.fromPEMFile(certificatePath)
        } catch {
            throw TLSError(
                .tlsFileInvalid, "\(certificatePath) has no readable certificates in the form PEM", cause: error)
        }
        guard !chain.isEmpty else {
            throw TLSError(.tlsFileInvalid, "\(certificatePath) has no certificate in the form PEM")
        }
        let key: NIOSSLPrivateKey
        do {
            // A passphrase that is asked for is not there, instead of on the terminal.
            key = try NIOSSLPrivateKey(file: keyPath, format: .pem) { (setter: NIOSSLPassphraseSetter<[UInt8]>) in
                setter([])
            }
        } catch {
            throw TLSError(
                .tlsFileInvalid, "\(keyPath) has no readable private key in the form PEM, without a passphrase",
                cause: error)
        }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw TLSError(
                .tlsKeyMismatch, "the key in \(keyPath) is not that of the certificate in \(certificatePath)",
                cause: error)
        }
    }
}

/// Why the server cannot speak TLS.
package struct TLSError: CodedError {
    package let code: ErrorCode
    package let message: String
    package let cause: (any Error)?

    init(_ code: ErrorCode, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }
}

extension ErrorCode {
    /// The file of the certificate or of the key is missing, or is no PEM.
    package static let tlsFileInvalid = ErrorCode("tls.file_invalid", category: .invalid)
    /// The key is not that of the certificate.
    package static let tlsKeyMismatch = ErrorCode("tls.key_mismatch", category: .invalid)
}
