package import CognitionCore
import Synchronization

/// Carries wake-ups to the other nodes of a database by messages, besides whatever way the database itself has.
///
/// The first wake-up goes out at once, and what comes meanwhile goes together a little later: as many messages as the others can
/// look after. One that is lost is no harm, since whoever waits also looks now and then.
package final class SignalRelay: Sendable {
    private let signals: Signals
    private let messages: any NodeMessages
    private let channel: String
    /// Tells our own messages from those of others.
    private let node: String
    private let topics = Mutex<Set<SignalTopic>>([])
    private let rings: AsyncStream<Void>
    private let ring: AsyncStream<Void>.Continuation

    /// Between two messages. Each makes the other nodes look, which costs them a query or two.
    package static let pause: Duration = .milliseconds(5)
    /// A message of more is not ours.
    private static let messageBytesMax = 4_096

    /// - Parameters:
    ///   - channel: Of this database and schema alone.
    ///   - node: Without spaces, another for each node.
    package init(_ signals: Signals, over messages: any NodeMessages, channel: String, node: String) {
        self.signals = signals
        self.messages = messages
        self.channel = channel
        self.node = node
        (rings, ring) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    /// Listens to the others, and tells them until the task is cancelled. To be called once.
    package func run() async {
        messages.listen(to: channel) { [signals] in
            // What was said before may have been missed.
            signals.wakeAllHere()
        } onMessage: { [weak self] message in
            self?.take(message)
        }
        signals.relay(by: { [weak self] topics in self?.announce(topics) })
        for await _ in rings {
            let topics = topics.withLock { topics in
                defer { topics = [] }
                return topics
            }
            let text = ([node] + topics.map(\.name).sorted()).joined(separator: " ")
            // Where it does not go out, the others hear of it from the database, or find it.
            try? await messages.publish(Array(text.utf8), to: channel)
            // Its only error is cancellation, which ends the loop.
            try? await Task.sleep(for: Self.pause)
        }
    }

    private func announce(_ topics: Set<SignalTopic>) {
        self.topics.withLock { $0.formUnion(topics) }
        ring.yield()
    }

    private func take(_ message: [UInt8]) {
        guard message.count <= Self.messageBytesMax, let text = String(validating: message, as: UTF8.self) else {
            return
        }
        let words = text.split(separator: " ")
        guard let sender = words.first, sender != node else { return }
        signals.wakeHere(Set(words.dropFirst().map { SignalTopic(name: String($0)) }))
    }
}
