import CognitionStorage
import Foundation
import Synchronization
import Testing

private final class Shared: Sendable {
    let isOver = Atomic(false)
    let counted = Atomic(0)
}

@Suite("A thread of its own") struct OwnThreadTests {
    @Test("Tasks on it go on while every thread of the pool is busy")
    func goesOn() async {
        let thread = OwnThread("test")
        let shared = Shared()
        // Counts on the thread, by its own timers, while the pool's threads do nothing but compute.
        let counting = Task(executorPreference: thread) {
            for _ in 1...5 {
                await thread.sleep(for: .milliseconds(5))
                shared.counted.add(1, ordering: .sequentiallyConsistent)
            }
            shared.isOver.store(true, ordering: .sequentiallyConsistent)
        }
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<2 * ProcessInfo.processInfo.activeProcessorCount {
                group.addTask {
                    let end = ContinuousClock.now + .seconds(20)
                    while !shared.isOver.load(ordering: .sequentiallyConsistent), ContinuousClock.now < end {}
                }
            }
            await group.waitForAll()
        }
        #expect(shared.counted.load(ordering: .sequentiallyConsistent) == 5)
        await counting.value
        thread.stop()
    }

    @Test("A sleep ends with the task, and with the thread")
    func ends() async {
        let thread = OwnThread("test")
        let start = ContinuousClock.now
        let sleeping = Task(executorPreference: thread) { await thread.sleep(for: .seconds(600)) }
        sleeping.cancel()
        await sleeping.value
        let other = Task { await thread.sleep(for: .seconds(600)) }
        try? await Task.sleep(for: .milliseconds(20))
        thread.stop()
        await other.value
        await thread.sleep(for: .seconds(600))
        #expect(ContinuousClock.now - start < .seconds(60))
    }
}
