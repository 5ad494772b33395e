import CRabbitMQ
import CognitionEvents

/// What the client library says of a failure, as an error of ours.
enum RabbitMQFailure {
    /// A call of the library that failed with `status`.
    static func unavailable(_ what: String, _ status: Int32) -> EventError {
        EventError(.busUnavailable, "\(what): \(String(cString: amqp_error_string2(status)))")
    }

    /// - Parameter what: What was asked for, e.g. "RabbitMQ at localhost:5672 cannot be asked for a queue".
    static func error(_ what: String, _ reply: amqp_rpc_reply_t) -> EventError {
        switch reply.reply_type {
        case AMQP_RESPONSE_LIBRARY_EXCEPTION: unavailable(what, reply.library_error)
        case AMQP_RESPONSE_SERVER_EXCEPTION: refusal(what, reply.reply)
        default: EventError(.busUnavailable, "\(what): no answer")
        }
    }

    /// The broker has closed the connection or the channel, and says why.
    static func refusal(_ what: String, _ method: amqp_method_t) -> EventError {
        guard let (code, text) = reason(method) else {
            return EventError(.busUnavailable, "\(what): an answer that was not asked for")
        }
        return EventError(isLasting(code) ? .busRefused : .busUnavailable, "\(what): \(text) (\(code))")
    }

    /// Whether the broker has closed it as it has failed itself, e.g. over a message that fits into no frame.
    static func isInternal(_ method: amqp_method_t) -> Bool {
        reason(method).map { Int32($0.code) == AMQP_INTERNAL_ERROR } ?? false
    }

    private static func reason(_ method: amqp_method_t) -> (code: UInt16, text: String)? {
        guard let decoded = method.decoded else { return nil }
        switch method.id {
        case amqp_method_connection_close:
            let close = decoded.assumingMemoryBound(to: amqp_connection_close_t.self).pointee
            return (close.reply_code, close.reply_text.text)
        case amqp_method_channel_close:
            let close = decoded.assumingMemoryBound(to: amqp_channel_close_t.self).pointee
            return (close.reply_code, close.reply_text.text)
        default: return nil
        }
    }

    /// The same would be refused again: access, a name that is not there, other properties than those that exist.
    private static func isLasting(_ code: UInt16) -> Bool { [402, 403, 404, 406, 530].contains(code) }
}
