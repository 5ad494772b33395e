import AsyncHTTPClient
package import CognitionCore
import Logging
package import Metrics
import NIOCore
import NIOHTTP1
import Synchronization

/// Calls other servers safely: egress rules, limits and a circuit breaker around AsyncHTTPClient.
///
/// **Egress.** A host name is resolved and every address judged before anything is sent. The connection resolves again,
/// so a name server could answer differently the second time; therefore the address a connection really reached is
/// judged once more before the first byte of HTTP. What remains open to such a name server is a TCP (and TLS) handshake
/// with a refused address, never a request. Hosts that `EGRESS_ALLOW` names go through a second pool without that last
/// judgement.
///
/// **Protocol.** HTTP/1.1 only, no proxies, no decompression (a body arrives as the server coded it), at most 256
/// header fields of 80 KiB each. Waiting for a connection counts against the request's timeout.
///
/// **Lifecycle.** `shutdown()` must be called once before the last reference goes; later and running requests fail.
package final class OutboundHTTPClient: OutboundHTTP {
    private let checked: HTTPClient
    private let unchecked: HTTPClient
    private let settings: HTTPClientSettings
    private let gate: RequestGate
    private let circuit: Mutex<CircuitBreaker<Origin>>
    private let resolver: HostResolver
    private let metrics: ClientMetrics

    package convenience init(settings: HTTPClientSettings, metrics: any MetricsFactory = MetricsSystem.factory) {
        self.init(settings: settings, metrics: metrics, lookup: HostResolver.system)
    }

    /// - Parameter lookup: Stands for the first resolution, in tests.
    package init(
        settings: HTTPClientSettings, metrics: any MetricsFactory,
        lookup: @escaping @Sendable (String) throws -> [IPAddress]
    ) {
        self.settings = settings
        checked = HTTPClient(configuration: settings.configuration(judgesPeers: true))
        unchecked = HTTPClient(configuration: settings.configuration(judgesPeers: false))
        gate = RequestGate(runningMax: settings.connectionsPerHost, waitingMax: settings.waitingMax)
        circuit = Mutex(CircuitBreaker(settings: settings.circuit))
        resolver = HostResolver(lookup: lookup)
        self.metrics = ClientMetrics(factory: metrics)
    }

    package func send(_ request: OutboundRequest) async throws -> OutboundResponse {
        let started = ContinuousClock.now
        let result: Result<OutboundResponse, any Error>
        do {
            let first = try Hop(request)
            result = .success(try await withTimeout(request.timeout) { try await self.exchange(first, of: request) })
        } catch {
            result = .failure(Task.isCancelled && !(error is OutboundHTTPError) ? CancellationError() : error)
        }
        metrics.record(ClientMetrics.outcome(of: result), took: ContinuousClock.now - started)
        return try result.get()
    }

    /// Ends every connection; running requests fail with `http_client.overloaded`.
    package func shutdown() async {
        for client in [checked, unchecked] {
            do { try await client.shutdown() } catch {
                Logger.current.debug("HTTP client was already shut down", metadata: ["error": "\(error)"])
            }
        }
        await resolver.shutdown()
    }
}

// MARK: One exchange

extension OutboundHTTPClient {
    private func exchange(_ first: Hop, of request: OutboundRequest) async throws -> OutboundResponse {
        var hop = first
        for _ in 0...Redirects.hopsMax {
            switch try await perform(hop, of: request) {
            case .answer(let response): return response
            case .redirect(let next): hop = next
            }
        }
        throw OutboundHTTPError(
            OutboundHTTPError.tooManyRedirects, "\(first.url.origin): more than \(Redirects.hopsMax) redirects.")
    }

    private enum Step: Sendable {
        case answer(OutboundResponse)
        case redirect(Hop)
    }

    private func perform(_ hop: Hop, of request: OutboundRequest) async throws -> Step {
        let origin = hop.url.origin
        let client = try await client(for: hop.url)
        return try await gate.withPlace(at: origin) {
            let isProbe = try admit(origin)
            do {
                let step = try await receive(hop, of: request, through: client)
                circuit.withLock { $0.succeeded(origin) }
                return step
            } catch {
                let error = TransportErrors.translated(error, origin: origin)
                settle(error, at: origin, isProbe: isProbe, timeout: request.timeout)
                throw error
            }
        }
    }

    /// Judges the host and its addresses, and picks the pool that fits.
    private func client(for url: OutboundURL) async throws -> HTTPClient {
        let rules = settings.egress
        let host = url.origin.host
        switch rules.verdict(host: host) {
        case .allowed: return unchecked
        case .refused: throw HTTPClientSettings.refusal(host, address: nil)
        case .byAddress:
            let addresses = if let literal = url.address { [literal] } else { try await resolver.addresses(of: host) }
            for address in addresses where !rules.allows(address) {
                throw HTTPClientSettings.refusal(host, address: address)
            }
            return checked
        }
    }

    private func receive(_ hop: Hop, of request: OutboundRequest, through client: HTTPClient) async throws -> Step {
        // The whole exchange has its own timeout; this deadline only has to be later.
        let answer = try await client.execute(hop.clientRequest, deadline: .distantFuture)
        let status = Int(answer.status.code)
        if request.followRedirects,
            let next = try Redirects.next(after: status, location: answer.headers.first(name: "location"), of: hop)
        {
            try await drain(answer.body)
            return .redirect(next)
        }
        let hasBody = hop.method != "HEAD" && status != 204 && status != 304
        if hasBody, let length = answer.headers.first(name: "content-length").flatMap({ Int($0) }),
            length > request.bodyBytesMax
        {
            throw Self.tooLarge(hop, request)
        }
        var body: [UInt8] = []
        for try await part in answer.body {
            guard body.count + part.readableBytes <= request.bodyBytesMax else { throw Self.tooLarge(hop, request) }
            body.append(contentsOf: part.readableBytesView)
        }
        return .answer(
            OutboundResponse(
                status: status, headers: answer.headers.map { ($0.name, $0.value) }, body: body,
                url: hop.url.description))
    }

    /// Reads the small body of a redirect so that its connection can be used again; a long one costs the connection.
    private func drain(_ body: HTTPClientResponse.Body) async throws {
        var left = 65_536
        for try await part in body {
            left -= part.readableBytes
            if left < 0 { return }
        }
    }

    private static func tooLarge(_ hop: Hop, _ request: OutboundRequest) -> OutboundHTTPError {
        OutboundHTTPError(
            OutboundHTTPError.bodyTooLarge, "\(hop.url.origin): the body is longer than \(request.bodyBytesMax) bytes.")
    }
}

// MARK: Circuit and time

extension OutboundHTTPClient {
    private func admit(_ origin: Origin) throws -> Bool {
        switch circuit.withLock({ $0.admit(origin, now: .now) }) {
        case .allowed(let isProbe): return isProbe
        case .refused:
            throw OutboundHTTPError(
                OutboundHTTPError.circuitOpen, "\(origin) failed too often in a row; try again in some seconds.")
        }
    }

    /// Tells the circuit what an error means. Only the transport counts; an exchange that its caller gave less time
    /// than a connection may take says nothing about the host.
    private func settle(_ error: any Error, at origin: Origin, isProbe: Bool, timeout: Duration) {
        let now = ContinuousClock.now
        let code = (error as? OutboundHTTPError)?.code
        switch code {
        case OutboundHTTPError.unreachable, OutboundHTTPError.reset, OutboundHTTPError.malformedResponse,
            OutboundHTTPError.timeout:
            fail(origin, isProbe: isProbe, now: now)
        case nil where CallDeadline.hasPassed && timeout >= settings.connectTimeout:
            fail(origin, isProbe: isProbe, now: now)
        case OutboundHTTPError.bodyTooLarge, OutboundHTTPError.invalidURL:
            circuit.withLock { $0.succeeded(origin) }  // it did answer
        default:
            circuit.withLock { $0.abandoned(origin, isProbe: isProbe, now: now) }
        }
    }

    private func fail(_ origin: Origin, isProbe: Bool, now: ContinuousClock.Instant) {
        let opened = circuit.withLock { $0.failed(origin, isProbe: isProbe, now: now) }
        if opened {
            Logger.current.warning("HTTP circuit opened", metadata: ["http.origin": "\(origin)"])
        }
    }

    private func withTimeout(
        _ timeout: Duration, _ body: @escaping @Sendable () async throws -> OutboundResponse
    ) async throws -> OutboundResponse {
        let deadline = ContinuousClock.now + timeout
        return try await withThrowingTaskGroup(of: OutboundResponse?.self) { group in
            group.addTask { try await CallDeadline.$current.withValue(deadline) { try await body() } }
            group.addTask {
                try await Task.sleep(until: deadline, clock: .continuous)
                return nil
            }
            defer { group.cancelAll() }
            if let first = try await group.next(), let response = first { return response }
            throw OutboundHTTPError(OutboundHTTPError.timeout, "The exchange did not end within \(timeout).")
        }
    }
}

/// When the running exchange has to end, so that a cancellation by its own timeout can be told from the caller's.
private enum CallDeadline {
    @TaskLocal static var current: ContinuousClock.Instant?

    static var hasPassed: Bool { current.map { ContinuousClock.now >= $0 } ?? false }
}
