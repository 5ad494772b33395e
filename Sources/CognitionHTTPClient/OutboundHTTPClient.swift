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
/// **Streams.** A stream keeps its place among `connectionsPerHost` until its reader is done.
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
        let watch = ExchangeWatch(total: request.timeout)
        return try await measured(request, watch) { request in
            let first = try Hop(request)
            return try await watch.guarding {
                try await self.exchange(first, of: request, watched: watch) { answer, hop in
                    try await self.whole(answer, of: hop, request, watched: watch)
                }
            }
        }
    }

    package func stream<Result: Sendable>(
        _ request: OutboundRequest, firstByteTimeout: Duration, idleTimeout: Duration,
        body: @escaping @Sendable (OutboundStream) async throws -> Result
    ) async throws -> Result {
        let watch = ExchangeWatch(total: request.timeout, firstByte: firstByteTimeout, idle: idleTimeout)
        return try await measured(request, watch) { request in
            let first = try Hop(request)
            return try await watch.guarding {
                try await self.exchange(first, of: request, watched: watch) { answer, hop in
                    try await body(self.lent(answer, of: hop, request, watched: watch))
                }
            }
        }
    }

    private func measured<Result: Sendable>(
        _ request: OutboundRequest, _ watch: ExchangeWatch, _ body: (OutboundRequest) async throws -> Result
    ) async throws -> Result {
        let started = ContinuousClock.now
        var failure: (any Error)?
        defer {
            let outcome = ClientMetrics.outcome(failure: failure, status: watch.status)
            metrics.record(outcome, took: ContinuousClock.now - started)
        }
        do {
            return try await ClientSpan.around(request, status: { watch.status }, body)
        } catch {
            let told = Task.isCancelled && !(error is any CodedError) ? CancellationError() : error
            failure = told
            throw told
        }
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
    /// Follows redirects until there is an answer, which `consume` reads.
    private func exchange<Result: Sendable>(
        _ first: Hop, of request: OutboundRequest, watched watch: ExchangeWatch,
        _ consume: (HTTPClientResponse, Hop) async throws -> Result
    ) async throws -> Result {
        var hop = first
        for _ in 0...Redirects.hopsMax {
            switch try await perform(hop, of: request, watched: watch, consume) {
            case .answer(let result): return result
            case .redirect(let next): hop = next
            }
        }
        throw OutboundHTTPError(
            OutboundHTTPError.tooManyRedirects, "\(first.url.origin): more than \(Redirects.hopsMax) redirects.")
    }

    private enum Step<Answer: Sendable>: Sendable {
        case answer(Answer)
        case redirect(Hop)
    }

    private func perform<Result: Sendable>(
        _ hop: Hop, of request: OutboundRequest, watched watch: ExchangeWatch,
        _ consume: (HTTPClientResponse, Hop) async throws -> Result
    ) async throws -> Step<Result> {
        let origin = hop.url.origin
        let client = try await client(for: hop.url)
        return try await gate.withPlace(at: origin) {
            let isProbe = try admit(origin)
            watch.expectsFirstByte()
            do {
                // The whole exchange has its own timeout; this deadline only has to be later.
                let answer = try await client.execute(hop.clientRequest, deadline: .distantFuture)
                let step: Step<Result>
                if let next = try await redirect(answer, of: hop, request) {
                    step = .redirect(next)
                } else {
                    watch.began(status: Int(answer.status.code))
                    step = .answer(try await consume(answer, hop))
                }
                settle(watch.failure, at: origin, isProbe: isProbe, watched: watch)
                return step
            } catch {
                // Once there is a status, the error is one of whoever reads the answer, and theirs to choose.
                let error = watch.status == nil ? TransportErrors.translated(error, origin: origin) : error
                settle(watch.failure ?? error, at: origin, isProbe: isProbe, watched: watch)
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

    private func redirect(
        _ answer: HTTPClientResponse, of hop: Hop, _ request: OutboundRequest
    ) async throws -> Hop? {
        guard request.followRedirects,
            let next = try Redirects.next(
                after: Int(answer.status.code), location: answer.headers.first(name: "location"), of: hop)
        else { return nil }
        try await drain(answer.body)
        return next
    }

    private func whole(
        _ answer: HTTPClientResponse, of hop: Hop, _ request: OutboundRequest, watched watch: ExchangeWatch
    ) async throws -> OutboundResponse {
        var body: [UInt8] = []
        do {
            try Self.checkLength(of: answer, hop, request)
            for try await part in answer.body {
                guard body.count + part.readableBytes <= request.bodyBytesMax else { throw Self.tooLarge(hop, request) }
                body.append(contentsOf: part.readableBytesView)
            }
        } catch {
            throw watch.failed(TransportErrors.translated(error, origin: hop.url.origin))
        }
        return OutboundResponse(
            status: Int(answer.status.code), headers: answer.headers.map { ($0.name, $0.value) }, body: body,
            url: hop.url.description)
    }

    private func lent(
        _ answer: HTTPClientResponse, of hop: Hop, _ request: OutboundRequest, watched watch: ExchangeWatch
    ) -> OutboundStream {
        let chunks = OutboundStream.Chunks {
            var parts = answer.body.makeAsyncIterator()
            var count = 0
            return OutboundStream.Chunks.AsyncIterator {
                do {
                    if count == 0 { try Self.checkLength(of: answer, hop, request) }
                    var part: ByteBuffer?
                    repeat {
                        watch.waits()
                        defer { watch.hears(part != nil) }
                        part = try await parts.next(isolation: #isolation)
                    } while part?.readableBytes == 0
                    guard let part else { return nil }
                    count += part.readableBytes
                    guard count <= request.bodyBytesMax else { throw Self.tooLarge(hop, request) }
                    return Array(part.readableBytesView)
                } catch {
                    throw watch.failed(TransportErrors.translated(error, origin: hop.url.origin))
                }
            }
        }
        return OutboundStream(
            status: Int(answer.status.code), headers: answer.headers.map { ($0.name, $0.value) },
            url: hop.url.description, chunks: chunks)
    }

    /// Reads the small body of a redirect so that its connection can be used again; a long one costs the connection.
    private func drain(_ body: HTTPClientResponse.Body) async throws {
        var left = 65_536
        for try await part in body {
            left -= part.readableBytes
            if left < 0 { return }
        }
    }

    /// - Throws: `http_client.body_too_large` when the answer says that it will be.
    private static func checkLength(of answer: HTTPClientResponse, _ hop: Hop, _ request: OutboundRequest) throws {
        let hasBody = hop.method != "HEAD" && answer.status.code != 204 && answer.status.code != 304
        if hasBody, let length = answer.headers.first(name: "content-length").flatMap({ Int($0) }),
            length > request.bodyBytesMax
        {
            throw tooLarge(hop, request)
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

    /// Tells the circuit what the end of an exchange means. Only the transport counts; an exchange that its caller gave
    /// less time than a connection may take says nothing about the host, nor does one that its caller cancelled.
    private func settle(_ error: (any Error)?, at origin: Origin, isProbe: Bool, watched watch: ExchangeWatch) {
        guard let error else { return circuit.withLock { $0.succeeded(origin) } }
        let now = ContinuousClock.now
        switch (error as? OutboundHTTPError)?.code {
        case _ where watch.blames(noShorterThan: settings.connectTimeout),
            OutboundHTTPError.unreachable, OutboundHTTPError.reset, OutboundHTTPError.malformedResponse,
            OutboundHTTPError.timeout:
            fail(origin, isProbe: isProbe, now: now)
        case nil where watch.status == nil || error is CancellationError:
            circuit.withLock { $0.abandoned(origin, isProbe: isProbe, now: now) }
        case nil, OutboundHTTPError.bodyTooLarge, OutboundHTTPError.invalidURL:
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
}
