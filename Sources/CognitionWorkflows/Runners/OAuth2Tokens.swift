import CognitionCore
import Foundation
import Synchronization

/// Access tokens of this node: asked for when they are first needed, kept in memory until shortly before they expire.
///
/// Who needs a token that somebody asks for already waits for that answer.
final class OAuth2Tokens: Sendable {
    struct Token: Sendable {
        let value: String
        /// What follows when it has expired, where the authority gives one.
        let refreshToken: String?
        let renewAt: Timestamp

        var header: String { "Bearer \(value)" }
    }

    /// Tokens kept; the one that expires first goes first.
    static let countMax = 256

    private typealias Waiter = CheckedContinuation<Result<Token, any Error>?, Never>

    private struct State {
        var tokens: [SHA256Digest: Token] = [:]
        /// Those that wait for a token that somebody has asked for.
        var flights: [SHA256Digest: [UUID: Waiter]] = [:]
    }

    private enum Turn {
        case ready(Token)
        case ask(refreshToken: String?)
        case wait
    }

    private let endpoint: OAuth2Endpoint
    private let clock: any WallClock
    private let state = Mutex(State())

    init(client: any OutboundHTTP, clock: any WallClock) {
        endpoint = OAuth2Endpoint(client: client, clock: clock)
        self.clock = clock
    }

    /// - Parameter refused: A token that was not taken; another one is given.
    /// - Throws: A `WorkflowFault`, or what the client throws.
    func token(for settings: OAuth2Settings, insteadOf refused: Token? = nil) async throws -> Token {
        while true {
            try Task.checkCancellation()
            switch turn(settings, insteadOf: refused) {
            case .ready(let token):
                return token
            case .ask(let refreshToken):
                do {
                    let token = try await endpoint.token(for: settings, refreshToken: refreshToken)
                    end(settings.hash, .success(token))
                    return token
                } catch {
                    end(settings.hash, .failure(error))
                    throw error
                }
            case .wait:
                switch await outcome(of: settings.hash) {
                case .success(let token)?: return token
                case .failure(let error)? where !(error is CancellationError): throw error
                default: continue  // who asked was stopped, or has just ended
                }
            }
        }
    }

    private func turn(_ settings: OAuth2Settings, insteadOf refused: Token?) -> Turn {
        state.withLock { state in
            let known = state.tokens[settings.hash]
            if let known, known.value != refused?.value, known.renewAt > clock.now { return .ready(known) }
            guard state.flights[settings.hash] == nil else { return .wait }
            state.flights[settings.hash] = [:]
            // Only that grant goes on with what the last answer gave.
            return .ask(refreshToken: settings.grant == .refreshToken ? known?.refreshToken : nil)
        }
    }

    private func end(_ key: SHA256Digest, _ result: Result<Token, any Error>) {
        let waiters = state.withLock { state in
            if case .success(let token) = result {
                state.tokens[key] = token
                if state.tokens.count > Self.countMax,
                    let first = state.tokens.min(by: { $0.value.renewAt < $1.value.renewAt })
                {
                    state.tokens[first.key] = nil
                }
            }
            return state.flights.removeValue(forKey: key) ?? [:]
        }
        for waiter in waiters.values { waiter.resume(returning: result) }
    }

    /// - Returns: `nil` when nobody asks any more, or this task was cancelled.
    private func outcome(of key: SHA256Digest) async -> Result<Token, any Error>? {
        let id = UUID()
        return await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                let isWaiting = state.withLock { state in
                    guard state.flights[key] != nil, !Task.isCancelled else { return false }
                    state.flights[key]?[id] = waiter
                    return true
                }
                if !isWaiting { waiter.resume(returning: nil) }
            }
        } onCancel: {
            state.withLock { $0.flights[key]?.removeValue(forKey: id) }?.resume(returning: nil)
        }
    }
}
