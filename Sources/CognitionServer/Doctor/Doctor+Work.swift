import CognitionCore
import CognitionRealtime
import CognitionScheduler
import CognitionSearch
import CognitionStorage
import Foundation

/// What is done with a database of this release: jobs, schedules, indexes, rooms.
extension Doctor {
    func work(on database: any Database) async -> [Diagnosis] {
        var found: [Diagnosis] = []
        do {
            let troubles = try await SchedulerTroubles(of: database, now: SystemWallClock().now)
            found += [jobs(troubles), schedules(troubles)]
        } catch {
            found.append(skipped("jobs", error))
        }
        do {
            found.append(try await search(on: database))
        } catch {
            found.append(skipped("search", error))
        }
        do {
            let crowd = try await RoomCrowd(of: database)
            found.append(
                Diagnosis(
                    name: "rooms", status: .ok,
                    message: "\(crowd.rooms) rooms, with \(crowd.people) people in them now",
                    details: ["rooms": .integer(Int64(crowd.rooms)), "people": .integer(Int64(crowd.people))]))
        } catch {
            found.append(skipped("rooms", error))
        }
        return found
    }

    private func skipped(_ name: String, _ error: any Error) -> Diagnosis {
        Diagnosis(
            name: name, status: .skipped,
            message: "cannot be looked at: " + ((error as? any CodedError)?.message ?? "\(error)"))
    }

    // MARK: Jobs

    private func jobs(_ troubles: SchedulerTroubles) -> Diagnosis {
        let (dead, quarantined) = (
            troubles.queues.reduce(0) { $0 + $1.dead }, troubles.queues.reduce(0) { $0 + $1.quarantined }
        )
        let late = troubles.queues.filter { $0.late != nil }
        let details: JSONObject = [
            "dead": .integer(Int64(dead)), "quarantined": .integer(Int64(quarantined)),
            "queues_late": .integer(Int64(late.count)),
        ]
        // Without a server nobody runs them, which is no fault of theirs.
        if server != nil, let first = late.first, let job = first.late {
            return Diagnosis(
                name: "jobs", status: .warning,
                message: "job \(job.id) of \(first.name) in \(first.workspace) has been ready since \(job.since)",
                advice: "cognitionos jobs explain \(job.id) says what it waits for", details: details)
        }
        guard let first = troubles.queues.first(where: { $0.dead > 0 }) else {
            return Diagnosis(name: "jobs", status: .ok, message: "there are no dead letters", details: details)
        }
        let crashes = quarantined > 0 ? ", \(quarantined) of them as they took the process down twice" : ""
        return Diagnosis(
            name: "jobs", status: .warning,
            message: "\(dead) dead letters\(crashes); of \(first.name) in \(first.workspace) for one",
            advice:
                "cognitionos queues dead \(first.name) says why; when that is mended: cognitionos queues redrive \(first.name)",
            details: details)
    }

    private func schedules(_ troubles: SchedulerTroubles) -> Diagnosis {
        let count: JSONObject = ["stopped": .integer(Int64(troubles.stopped.count))]
        guard let first = troubles.stopped.first else {
            return Diagnosis(name: "schedules", status: .ok, message: "all fire that are to fire", details: count)
        }
        let others = troubles.stopped.count > 1 ? ", and \(troubles.stopped.count - 1) others" : ""
        return Diagnosis(
            name: "schedules", status: .warning,
            message:
                "\(first.id) in \(first.workspace) was paused, as it could not be fired (\(first.reason))\(others)",
            advice:
                "cognitionos jobs show \(first.id) has its error; change it, or: cognitionos jobs resume \(first.id)",
            details: count)
    }

    // MARK: Search

    private static let lagMax: Int64 = 10_000

    private func search(on database: any Database) async throws -> Diagnosis {
        let lags = try await Search.lags(of: database)
        if let slow = lags.first(where: { $0.events > Self.lagMax }) {
            return Diagnosis(
                name: "search", status: .warning,
                message: "the index \(slow.index) has \(slow.events) events of the log still to look through",
                advice: "it goes on while a server runs; if it does not, the server's log says at which event it fails",
                details: JSONObject(lags.map { ($0.index, .integer($0.events)) }))
        }
        guard server == nil else {
            // It has them open and changes them, and tells of them itself.
            return Diagnosis(name: "search", status: .ok, message: "the platform's indexes are up with the log")
        }
        let copies = try await Search.examine(configuration.dataDirectory + "/search", of: database)
        let behind = copies.reduce(Int64(0)) { $0 + $1.behind }
        let details: JSONObject = [
            "indexes": .integer(Int64(copies.count)), "changes_behind": .integer(behind),
            "damaged": .integer(Int64(copies.count { $0.damage != nil })),
        ]
        if let broken = copies.first(where: { $0.damage != nil }), let damage = broken.damage {
            return Diagnosis(
                name: "search", status: .warning,
                message: "the files of the index \(broken.address.name) in \(broken.address.workspace): \(damage)",
                advice: "nothing is lost, the server makes it anew; if that comes again, look at the disk (dmesg)",
                details: details)
        }
        let rest = behind > 0 ? ", \(behind) changes behind, which the server catches up on" : ""
        return Diagnosis(
            name: "search", status: .ok, message: "\(copies.count) indexes in files are whole\(rest)", details: details)
    }
}
