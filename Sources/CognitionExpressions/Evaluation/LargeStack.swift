#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Runs work that nests deeply on a thread of its own, because the stacks of Swift's cooperative threads may be small.
enum LargeStack {
    /// Bytes of the thread's stack; only the touched pages take memory.
    static let size = 256 << 20

    /// How far an evaluation may reach down from the stack position at which it starts.
    static let budgetOnCaller = 160 << 10
    static let budgetOnOwnThread = size - (4 << 20)

    /// Runs the body on a new thread and waits for it; `nil` when the system has no thread to give.
    static func run<Result: Sendable>(_ body: @Sendable () -> Result) -> Result? {
        withoutActuallyEscaping(body) { body in
            let job = Job(body)
            var attributes = pthread_attr_t()
            pthread_attr_init(&attributes)
            defer { pthread_attr_destroy(&attributes) }
            pthread_attr_setstacksize(&attributes, size)
            let context = Unmanaged.passUnretained(job as AnyJob).toOpaque()
            #if canImport(Darwin)
                var thread: pthread_t?
                let status = pthread_create(&thread, &attributes, { runJob($0) }, context)
            #else
                var thread = pthread_t()
                let status = pthread_create(&thread, &attributes, { runJob($0) }, context)
            #endif
            guard status == 0 else { return nil }
            #if canImport(Darwin)
                if let thread { pthread_join(thread, nil) }
            #else
                pthread_join(thread, nil)
            #endif
            job.body = nil
            return job.result
        }
    }
}

#if canImport(Darwin)
    private func runJob(_ context: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
        Unmanaged<AnyJob>.fromOpaque(context).takeUnretainedValue().run()
        return nil
    }
#else
    private func runJob(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
        guard let context else { return nil }
        Unmanaged<AnyJob>.fromOpaque(context).takeUnretainedValue().run()
        return nil
    }
#endif

private class AnyJob {
    func run() {}
}

private final class Job<Result>: AnyJob {
    var body: (() -> Result)?
    var result: Result?

    init(_ body: @escaping () -> Result) { self.body = body }

    override func run() { result = body?() }
}
