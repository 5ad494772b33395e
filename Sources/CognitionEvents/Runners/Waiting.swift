import CognitionStorage

/// Waits for the next of `wakeUps`, at most `timeout`; ends early, without an error, when the task is cancelled.
package func wait(for wakeUps: AsyncStream<Void>, atMost timeout: Duration, on clock: any Clock<Duration>) async {
    await withTaskGroup(of: Void.self) { group in
        group.addTask { for await _ in wakeUps { return } }
        // Its only error is the cancellation below.
        group.addTask { try? await clock.sleep(for: timeout) }
        await group.next()
        group.cancelAll()
    }
}
