import CognitionCore
import NIOPosix
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Turns a host name into all its addresses, on threads of its own, and remembers them for a short time.
final class HostResolver: Sendable {
    /// Blocking; called on the resolver's threads.
    typealias Lookup = @Sendable (String) throws -> [IPAddress]

    private struct Known: Sendable {
        var addresses: [IPAddress]
        var until: ContinuousClock.Instant
    }

    private static let namesMax = 1_024
    private static let kept = Duration.seconds(30)

    private let pool = NIOThreadPool(numberOfThreads: 4)
    private let lookup: Lookup
    private let known = Mutex<[String: Known]>([:])

    init(lookup: @escaping Lookup) {
        self.lookup = lookup
        pool.start()
    }

    /// All addresses of a name. Cancellation returns at once; the lookup itself ends on its thread when it ends.
    func addresses(of name: String) async throws -> [IPAddress] {
        let now = ContinuousClock.now
        if let hit = known.withLock({ $0[name] }), hit.until > now { return hit.addresses }
        let addresses = try await lookUp(name)
        known.withLock { known in
            if known.count >= HostResolver.namesMax { known = known.filter { $0.value.until > now } }
            if known.count >= HostResolver.namesMax { known.removeAll() }
            known[name] = Known(addresses: addresses, until: now + HostResolver.kept)
        }
        return addresses
    }

    func shutdown() async {
        try? await pool.shutdownGracefully()  // fails only when it was shut down before
    }

    private func lookUp(_ name: String) async throws -> [IPAddress] {
        let answer = OneAnswer()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                answer.wait(with: continuation)
                pool.submit { [lookup] state in
                    guard state == .active else {
                        return answer.give(
                            .failure(OutboundHTTPError(OutboundHTTPError.overloaded, "The client was shut down.")))
                    }
                    answer.give(Result { try lookup(name) })
                }
            }
        } onCancel: {
            answer.give(.failure(CancellationError()))
        }
    }

    /// The first answer wins, whether it comes before or after somebody waits for it.
    private final class OneAnswer: Sendable {
        private enum State: Sendable {
            case empty
            case waiting(CheckedContinuation<[IPAddress], any Error>)
            case given(Result<[IPAddress], any Error>)
            case done
        }

        private let state = Mutex(State.empty)

        func wait(with continuation: CheckedContinuation<[IPAddress], any Error>) {
            let early = state.withLock { state -> Result<[IPAddress], any Error>? in
                if case .given(let result) = state {
                    state = .done
                    return result
                }
                state = .waiting(continuation)
                return nil
            }
            if let early { continuation.resume(with: early) }
        }

        func give(_ result: Result<[IPAddress], any Error>) {
            let waiting = state.withLock { state -> CheckedContinuation<[IPAddress], any Error>? in
                switch state {
                case .empty:
                    state = .given(result)
                    return nil
                case .waiting(let continuation):
                    state = .done
                    return continuation
                case .given, .done:
                    return nil
                }
            }
            waiting?.resume(with: result)
        }
    }
}

extension HostResolver {
    /// What `getaddrinfo(3)` says, which is what a connection will use too.
    static let system: Lookup = { name in
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_protocol = Int32(IPPROTO_TCP)
        var list: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(name, nil, &hints, &list)
        guard status == 0 else {
            throw OutboundHTTPError(
                OutboundHTTPError.unreachable,
                "The name '\(name)' does not resolve: \(String(cString: gai_strerror(status))).")
        }
        defer { freeaddrinfo(list) }
        var found: [IPAddress] = []
        var next = list
        while let entry = next?.pointee {
            next = entry.ai_next
            guard let address = IPAddress(socketAddress: entry.ai_addr), !found.contains(address) else { continue }
            found.append(address)
        }
        return found
    }
}

extension IPAddress {
    fileprivate init?(socketAddress: UnsafeMutablePointer<sockaddr>?) {
        guard let socketAddress else { return nil }
        switch Int32(socketAddress.pointee.sa_family) {
        case AF_INET:
            self = socketAddress.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                IPAddress(v4: UInt32(bigEndian: $0.pointee.sin_addr.s_addr))
            }
        case AF_INET6:
            self = socketAddress.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { address in
                IPAddress(
                    v6: withUnsafeBytes(of: address.pointee.sin6_addr) {
                        $0.reduce(UInt128(0)) { $0 << 8 | UInt128($1) }
                    })
            }
        default: return nil
        }
    }
}
