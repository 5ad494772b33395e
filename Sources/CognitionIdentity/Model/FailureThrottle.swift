package import CognitionCore
import Glibc
import Synchronization

/// Counts failed logins by network address, in memory, so that one address cannot try many users.
///
/// At most ``addressesMax`` addresses are known; the one whose last failure is longest ago gives way.
package final class FailureThrottle: Sendable {
    package static let addressesMax = 10_000

    private let failuresMax: Int
    private let window: Duration
    private let addressesMax: Int
    /// Moments of the failures of each address within the window, oldest first, at most `failuresMax`.
    private let failures = Mutex<[Address: [Timestamp]]>([:])

    package init(failuresMax: Int, window: Duration, addressesMax: Int = FailureThrottle.addressesMax) {
        self.failuresMax = failuresMax
        self.window = window
        self.addressesMax = addressesMax
    }

    /// How long the address has to wait; `nil` when it has not.
    package func wait(for client: ClientInfo, now: Timestamp) -> Duration? {
        guard let address = Address(client) else { return nil }
        return failures.withLock { failures in
            guard let moments = failures[address], moments.count >= failuresMax else { return nil }
            let free = moments[moments.count - failuresMax] + window
            return free > now ? free - now : nil
        }
    }

    package func countFailure(of client: ClientInfo, now: Timestamp) {
        guard let address = Address(client) else { return }
        failures.withLock { failures in
            if failures[address] == nil, failures.count >= addressesMax { makeRoom(in: &failures, now: now) }
            var moments = (failures[address] ?? []).filter { $0 + window > now }
            moments.append(now)
            failures[address] = moments.suffix(failuresMax)
        }
    }

    private func makeRoom(in failures: inout [Address: [Timestamp]], now: Timestamp) {
        failures = failures.filter { _, moments in moments.last.map { $0 + window > now } ?? false }
        guard failures.count >= addressesMax else { return }
        if let oldest = failures.min(by: { ($0.value.last ?? now) < ($1.value.last ?? now) })?.key {
            failures[oldest] = nil
        }
    }

    /// What counts as one address: of IPv6 the first 64 bits, since whoever has one of those has all of them.
    struct Address: Hashable {
        private let bytes: [UInt8]

        /// - Returns: `nil` for the machine's own command line.
        init?(_ client: ClientInfo) {
            guard let text = client.address else { return nil }
            var v6 = [UInt8](repeating: 0, count: 16)
            // A zone, as in fe80::1%eth0, is no part of the address.
            guard inet_pton(AF_INET6, String(text.prefix { $0 != "%" }), &v6) == 1 else {
                bytes = Array(text.utf8)
                return
            }
            let isMappedV4 = v6.prefix(10).allSatisfy { $0 == 0 } && v6[10] == 0xFF && v6[11] == 0xFF
            bytes = isMappedV4 ? Array(v6[12...].map(String.init).joined(separator: ".").utf8) : Array(v6.prefix(8))
        }
    }
}
