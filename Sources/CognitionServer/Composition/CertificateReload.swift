import CognitionCore
import CognitionHTTP
import Logging
import UnixSignals

/// Reads certificate and key again on SIGHUP, as whoever renews certificates expects it.
struct CertificateReload: Sendable {
    let tls: TLSIdentity

    /// Runs until it is cancelled.
    func run() async throws {
        for await _ in await UnixSignalsSequence(trapping: .sighup) {
            do {
                try tls.reload()
                Logger.current.notice("Certificate read again", metadata: ["tls.certificate": "\(tls.certificatePath)"])
            } catch {
                let reason = (error as? any CodedError)?.message ?? "\(error)"
                Logger.current.error(
                    "Certificate not read again; the one before stays in use", metadata: ["error": "\(reason)"])
            }
        }
    }
}
