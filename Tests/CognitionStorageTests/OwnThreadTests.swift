import CognitionStorage
import CognitionTestSupport
import Dispatch
import Foundation
import Synchronization
import Testing

private final class Shared: Sendable {
    let isOver = Atomic(false)
    let counted = Atomic(0)
    let busy = Atomic(0)
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

    @Test("A write of a task on it is answered while every thread of the pool is busy", arguments: TestDatabase.engines)
    func writes(on engine: TestDatabase.Engine) async throws {
        let table = Migration("test.001", ["CREATE TABLE t (n \(fragment: .int64) NOT NULL) \(fragment: .strict)"])
        try await withTestDatabase(engine, migrations: [table], writers: 1) { database in
            let thread = OwnThread("test")
            let shared = Shared()
            let gate = DispatchSemaphore(value: 0)
            let held = Task { try await database.write { _ in gate.wait() } }
            let insert = { @Sendable (tx: borrowing Transaction) throws in
                try tx.execute("INSERT INTO t (n) VALUES (1)")
            }
            // More than the writer's thread answers itself, all in the round after the one that is held.
            let others = (1...40).map { _ in Task { try await database.write { _ = try insert($0) } } }
            while database.writesWaiting < 40 { try await Task.sleep(for: .milliseconds(5)) }
            let own = Task(executorPreference: thread) {
                try await database.write { _ = try insert($0) }
                shared.counted.add(1, ordering: .sequentiallyConsistent)
                shared.isOver.store(true, ordering: .sequentiallyConsistent)
            }
            while database.writesWaiting < 41 { try await Task.sleep(for: .milliseconds(5)) }
            let threads = 2 * ProcessInfo.processInfo.activeProcessorCount
            let opening = Thread {
                while shared.busy.load(ordering: .sequentiallyConsistent)
                    < ProcessInfo.processInfo.activeProcessorCount
                { usleep(1_000) }
                gate.signal()
            }
            opening.start()
            let start = ContinuousClock.now
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<threads {
                    group.addTask {
                        shared.busy.add(1, ordering: .sequentiallyConsistent)
                        let end = ContinuousClock.now + .seconds(20)
                        while !shared.isOver.load(ordering: .sequentiallyConsistent), ContinuousClock.now < end {}
                    }
                }
                await group.waitForAll()
            }
            #expect(ContinuousClock.now - start < .seconds(15))
            try await own.value
            try await held.value
            for other in others { try await other.value }
            thread.stop()
        }
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
