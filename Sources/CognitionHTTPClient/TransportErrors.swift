import AsyncHTTPClient
import CognitionCore
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What the layers below throw, in the port's words.
enum TransportErrors {
    /// - Returns: `CancellationError` when this task was cancelled, an `OutboundHTTPError` otherwise.
    static func translated(_ error: any Error, origin: Origin) -> any Error {
        if error is OutboundHTTPError || error is CancellationError { return error }
        if Task.isCancelled { return CancellationError() }
        let (code, what) = kind(of: error)
        return OutboundHTTPError(code, "\(origin): \(what)", cause: error)
    }

    private static func kind(of error: any Error) -> (ErrorCode, String) {
        switch error {
        case let error as HTTPClientError: kind(of: error)
        case let error as HTTPParserError: kind(of: error)
        case let error as IOError: kind(errno: error.errnoCode)
        case let error as NIOConnectionError:
            error.connectionErrors.isEmpty
                ? (OutboundHTTPError.unreachable, "the name does not resolve.")
                : (OutboundHTTPError.unreachable, "nobody accepts the connection.")
        case let error as NIOSSLError: kind(of: error)
        case is NIOSSLExtraError, is BoringSSLError:
            (OutboundHTTPError.unreachable, "the TLS certificate or handshake is not valid.")
        case ChannelError.connectTimeout: (OutboundHTTPError.unreachable, "no connection within the connect timeout.")
        case is SocketAddressError: (OutboundHTTPError.unreachable, "the name does not resolve.")
        default: (OutboundHTTPError.reset, "the connection ended before the answer did.")
        }
    }

    private static func kind(of error: HTTPClientError) -> (ErrorCode, String) {
        switch error {
        case .connectTimeout, .getConnectionFromPoolTimeout:
            (OutboundHTTPError.unreachable, "no connection within the connect timeout.")
        case .tlsHandshakeTimeout: (OutboundHTTPError.unreachable, "the TLS handshake did not end in time.")
        case .readTimeout: (OutboundHTTPError.timeout, "the server fell silent.")
        case .writeTimeout: (OutboundHTTPError.timeout, "the server stopped reading.")
        case .deadlineExceeded: (OutboundHTTPError.timeout, "the exchange did not end in time.")
        case .alreadyShutdown, .cancelled: (OutboundHTTPError.overloaded, "the client was shut down.")
        case .invalidURL, .emptyHost, .traceRequestWithBody:
            (OutboundHTTPError.invalidURL, "the request cannot be sent.")
        default: (OutboundHTTPError.reset, "the connection ended before the answer did.")
        }
    }

    private static func kind(of error: HTTPParserError) -> (ErrorCode, String) {
        switch error {
        case .headerOverflow: (OutboundHTTPError.bodyTooLarge, "the header of the answer is too long.")
        case .invalidEOFState, .closedConnection:
            (OutboundHTTPError.reset, "the connection ended before the answer did.")
        default: (OutboundHTTPError.malformedResponse, "the answer is not valid HTTP.")
        }
    }

    private static func kind(of error: NIOSSLError) -> (ErrorCode, String) {
        switch error {
        case .uncleanShutdown: (OutboundHTTPError.reset, "the TLS connection ended before the answer did.")
        default: (OutboundHTTPError.unreachable, "the TLS certificate or handshake is not valid.")
        }
    }

    private static func kind(errno code: CInt) -> (ErrorCode, String) {
        switch code {
        case ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, ETIMEDOUT, EADDRNOTAVAIL, EINVAL:
            (OutboundHTTPError.unreachable, "nobody accepts the connection.")
        default: (OutboundHTTPError.reset, "the connection ended before the answer did.")
        }
    }
}
