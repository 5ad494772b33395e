import CognitionCore
import Foundation

/// The same request again and again at an even pace, as a server sees it that has other things to do.
struct PacedRequests {
    let port: Int
    let path: String
    let token: String
    let perSecond: Int

    /// Milliseconds from the moment at which each request was due until it was answered, so that one that had to wait for
    /// a slow one before it counts in full.
    ///
    /// - Parameters:
    ///   - body: Posted; `nil` to get.
    ///   - status: Of every answer.
    func latencies(seconds: Int, posting body: [UInt8]? = nil, status: Int = 200) throws -> [Double] {
        let connection = try HTTPConnection(port: port)
        let step = Duration.seconds(1) / perSecond
        var latencies: [Double] = []
        var due = ContinuousClock.now
        for _ in 0..<seconds * perSecond {
            due += step
            let early = due - .now
            if early > .zero { usleep(UInt32(early.seconds * 1e6)) }
            let answer =
                if let body {
                    try connection.post(path, token: token, body: body)
                } else {
                    try connection.get(path, token: token)
                }
            guard answer.status == status else { throw ServerUser.failure("a request at an even pace", answer) }
            latencies.append((ContinuousClock.now - due).seconds * 1e3)
        }
        return latencies
    }
}
