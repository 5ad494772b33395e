package import CognitionCore

/// Why Redis did not do what it was asked for.
package struct RedisError: CodedError {
    package let code: ErrorCode
    package let message: String
    package let cause: (any Error)?

    package init(_ code: ErrorCode, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    /// The server has answered with an error. Only its first word, which says what kind it is, is for people: the rest may repeat
    /// what was sent.
    static func answered(_ text: String) -> RedisError {
        RedisError(
            .redisCommandFailed, "Redis answers with the error \(kind(of: text))", cause: RedisAnswer(text: text))
    }

    /// Why a connection does not come about. What the server says may repeat the password, so its kind alone is told.
    static func refusal(_ text: String, by peer: String) -> RedisError {
        let kind = kind(of: text)
        switch kind {
        case "WRONGPASS", "NOAUTH", "NOPERM":
            return RedisError(
                .redisRefused, "Redis at \(peer) refuses the user, the password or a channel (\(kind))")
        case "NOPROTO":
            return tooOld(peer)
        default:
            // An old server repeats what it was sent, the password with it.
            if text.hasPrefix("ERR unknown command") { return tooOld(peer) }
            return RedisError(.redisRefused, "Redis at \(peer) does not take the connection (\(kind))")
        }
    }

    private static func tooOld(_ peer: String) -> RedisError {
        RedisError(.redisUnsupported, "the server at \(peer) does not speak RESP3: Redis 6 or newer is needed")
    }

    private static func kind(of text: String) -> String {
        let word = text.prefix { $0 != " " }
        return word.count <= 32 && word.allSatisfy { $0.isASCII && ($0.isUppercase || $0 == "_") }
            ? String(word) : "ERR"
    }
}

/// What a server has said, for logs.
private struct RedisAnswer: Error, CustomStringConvertible {
    let text: String
    var description: String { String(text.prefix(500)) }
}

extension ErrorCode {
    /// There is no connection: nothing was sent.
    package static let redisUnreachable = ErrorCode("redis.unreachable", category: .unavailable)
    /// The connection was lost before the answer came: the command may have taken effect.
    package static let redisInterrupted = ErrorCode("redis.interrupted", category: .unavailable)
    /// The server took too long to answer, and its connection was given up.
    package static let redisTimeout = ErrorCode("redis.timeout", category: .unavailable)
    /// Too many commands, or bytes of them, wait for their answers; nothing was sent.
    package static let redisOverloaded = ErrorCode("redis.overloaded", category: .unavailable)
    /// The server refuses the user, the password, the database or a channel.
    package static let redisRefused = ErrorCode("redis.refused", category: .unavailable)
    /// What the peer sends is not RESP3, or goes beyond a bound.
    package static let redisProtocol = ErrorCode("redis.protocol", category: .unavailable)
    /// The server is older than Redis 6.
    package static let redisUnsupported = ErrorCode("redis.unsupported", category: .unsupported)
    /// The server has answered a command with an error.
    package static let redisCommandFailed = ErrorCode("redis.command_failed", category: .internal)
    /// The client has been closed.
    package static let redisClosed = ErrorCode("redis.closed", category: .unavailable)
    /// An address or a file that the client is to be made from is not usable.
    package static let redisConfiguration = ErrorCode("redis.configuration_invalid", category: .invalid)
}
