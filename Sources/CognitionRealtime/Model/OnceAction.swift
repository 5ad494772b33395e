import Synchronization

/// Something that is done at most once, whoever asks for it.
final class OnceAction: Sendable {
    private let action: Mutex<(@Sendable () -> Void)?>

    init(_ action: @escaping @Sendable () -> Void) { self.action = Mutex(action) }

    func run() { action.withLock { $0.take() }?() }
}
