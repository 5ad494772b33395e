import CognitionCore
import CognitionScheduler

/// One thing that happens to a scheduler. Jobs are named by numbers, taken modulo how many there are, so that a sequence stays
/// one whatever is left out of it.
enum JobOperation: Sendable, Hashable {
    case enqueue([PlannedJob])
    /// The n-th of those that run comes to this.
    case finish(Int, Finish)
    case cancel(Int)
    case pause(Int)
    case resume(Int)
    case trigger(Int)
    case pauseQueue(Int)
    case resumeQueue(Int)
    case redrive(Int)
    case clock(seconds: Int)
    /// The node is killed, right after the n-th running job was to be cancelled, if one is named; another takes its place.
    case death(cancelling: Int?)

    enum Finish: Sendable, Hashable, CaseIterable { case ok, fail, failFinally, snooze, discard }
}

struct PlannedJob: Sendable, Hashable {
    var queue = 0
    var priority = JobPriority.normal
    var delay = 0
    var attempts = 1
    /// Of the keys that are to be unique.
    var unique: Int?
    var uniqueWindow: Int?
    var staysUnique = false
    var limit: ModelLimit?
    var amount = 1
    var cascade = CascadePolicy.cancel
    /// Jobs of earlier calls.
    var parents: [Edge] = []
    /// Earlier ones of the same call.
    var siblings: [Edge] = []

    struct Edge: Sendable, Hashable {
        var job: Int
        var condition: JobCondition
    }
}

extension PlannedJob: CustomStringConvertible {
    /// What is not as usual.
    var description: String {
        let usual = Mirror(reflecting: PlannedJob()).children.map { "\($0.value)" }
        let parts = zip(Mirror(reflecting: self).children, usual).compactMap { member, usual in
            "\(member.value)" == usual ? nil : "\(member.label ?? ""): \(member.value)"
        }
        return "(\(parts.joined(separator: ", ")))"
    }
}

extension PlannedJob.Edge: CustomStringConvertible {
    var description: String { "\(condition) of \(job)" }
}

extension JobOperation.Finish: CustomStringConvertible {
    var description: String {
        switch self {
        case .ok: "ok"
        case .fail: "fail"
        case .failFinally: "failFinally"
        case .snooze: "snooze"
        case .discard: "discard"
        }
    }
}

/// Keys that jobs share; each always has the same bounds.
enum ModelLimit: String, Sendable, Hashable, CaseIterable {
    case one, two, rated

    var concurrency: Int? { [.one: 1, .two: 2][self] }
    /// Two in ten seconds.
    var rate: (amount: Int, seconds: Int)? { self == .rated ? (2, 10) : nil }
}

enum ModelQueue {
    static let names = ["default", "narrow"]
    static let concurrency = [4, 1]
}

// MARK: - Chance

extension Collection {
    /// Any of them; there has to be one.
    fileprivate func one(using random: inout SplitMix64) -> Element {
        self[index(startIndex, offsetBy: Int.random(in: 0..<count, using: &random))]
    }
}

extension JobOperation {
    static func random(using random: inout SplitMix64) -> JobOperation {
        func number() -> Int { Int.random(in: 0..<64, using: &random) }
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<26: return .enqueue((0..<Int.random(in: 1...4, using: &random)).map { .random($0, using: &random) })
        case 26..<58:
            return .finish(
                number(), [.ok, .ok, .ok, .fail, .fail, .failFinally, .snooze, .discard].one(using: &random))
        case 58..<64: return .cancel(number())
        case 64..<69: return .pause(number())
        case 69..<74: return .resume(number())
        case 74..<79: return .trigger(number())
        case 79..<81: return .pauseQueue(number())
        case 81..<85: return .resumeQueue(number())
        case 85..<89: return .redrive(number())
        case 89..<96: return .clock(seconds: [1, 5, 20, 120].one(using: &random))
        default: return .death(cancelling: Bool.random(using: &random) ? number() : nil)
        }
    }
}

extension PlannedJob {
    /// - Parameter place: Among those of the same call.
    static func random(_ place: Int, using random: inout SplitMix64) -> PlannedJob {
        func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }
        func edge(_ job: Int) -> Edge {
            Edge(job: job, condition: JobCondition.allCases.one(using: &random))
        }
        var job = PlannedJob()
        job.queue = chance(30) ? 1 : 0
        job.priority = JobPriority.allCases.one(using: &random)
        if chance(20) { job.delay = [1, 10, 60].one(using: &random) }
        job.attempts = Int.random(in: 1...3, using: &random)
        if chance(25) {
            job.unique = Int.random(in: 0..<2, using: &random)
            if chance(25) { job.uniqueWindow = 30 }
            job.staysUnique = chance(30)
        }
        if chance(35) {
            job.limit = ModelLimit.allCases.one(using: &random)
            job.amount = Int.random(in: 1...2, using: &random)
        }
        job.cascade = CascadePolicy.allCases.one(using: &random)
        if chance(30) { job.parents.append(edge(Int.random(in: 0..<64, using: &random))) }
        if chance(10) { job.parents.append(edge(Int.random(in: 0..<64, using: &random))) }
        if place > 0, chance(45) { job.siblings.append(edge(Int.random(in: 0..<place, using: &random))) }
        return job
    }
}

// MARK: - Shrinking

extension JobOperation {
    /// The same with less in it, the smallest first.
    var simpler: [JobOperation] {
        switch self {
        case .enqueue(let jobs):
            let fewer = jobs.count > 1 ? jobs.indices.reversed().map { Self.enqueue(jobs.without($0)) } : []
            return fewer
                + jobs.indices.flatMap { place in
                    jobs[place].simpler.map { job in
                        var jobs = jobs
                        jobs[place] = job
                        return .enqueue(jobs)
                    }
                }
        case .finish(let number, let finish):
            return (number > 0 ? [.finish(0, finish)] : []) + (finish == .ok ? [] : [.finish(number, .ok)])
        case .death(.some): return [.death(cancelling: nil)]
        case .clock(let seconds): return seconds > 1 ? [.clock(seconds: 1)] : []
        case .cancel(let number): return number > 0 ? [.cancel(0), .cancel(number / 2)] : []
        case .pause(let number): return number > 0 ? [.pause(0), .pause(number / 2)] : []
        case .resume(let number): return number > 0 ? [.resume(0), .resume(number / 2)] : []
        case .trigger(let number): return number > 0 ? [.trigger(0), .trigger(number / 2)] : []
        case .pauseQueue, .resumeQueue, .redrive, .death: return []
        }
    }
}

extension PlannedJob {
    fileprivate var simpler: [PlannedJob] {
        let plain = PlannedJob()
        var found: [PlannedJob] = self == plain ? [] : [plain]
        func try_(_ change: (inout PlannedJob) -> Void) {
            var job = self
            change(&job)
            if job != self, !found.contains(job) { found.append(job) }
        }
        try_ { $0.parents = [] }
        try_ { $0.siblings = [] }
        try_ { $0.limit = nil }
        try_ { $0.unique = nil }
        try_ { $0.delay = 0 }
        try_ { $0.attempts = 1 }
        try_ { $0.queue = 0 }
        try_ { $0.priority = .normal }
        try_ { $0.cascade = .cancel }
        try_ { $0.uniqueWindow = nil }
        try_ { $0.staysUnique = false }
        try_ { $0.amount = 1 }
        return found
    }
}

extension [PlannedJob] {
    /// Edges to it lead to the one before it.
    fileprivate func without(_ place: Int) -> [PlannedJob] {
        var jobs = self
        jobs.remove(at: place)
        for index in jobs.indices {
            jobs[index].siblings = jobs[index].siblings.compactMap { edge in
                guard edge.job != place else { return nil }
                return PlannedJob.Edge(job: edge.job > place ? edge.job - 1 : edge.job, condition: edge.condition)
            }
        }
        return jobs
    }
}

/// Makes a sequence that fails shorter and simpler as long as it still does.
///
/// Source: delta debugging, A. Zeller, "Yesterday, my program worked. Today, it does not. Why?", 1999.
struct Shrinking {
    var triesMax = 600

    func minimal(
        _ operations: [JobOperation], fails: ([JobOperation]) async throws -> Bool
    ) async throws -> [JobOperation] {
        var (best, tries) = (operations, 0)
        func isBetter(_ candidate: [JobOperation]) async throws -> Bool {
            guard tries < triesMax else { return false }
            tries += 1
            guard try await fails(candidate) else { return false }
            best = candidate
            return true
        }
        var piece = best.count / 2
        while piece > 0 {
            var start = 0
            while start < best.count {
                let candidate = Array(best[..<start] + best[min(start + piece, best.count)...])
                if try await !isBetter(candidate) { start += piece }
            }
            piece /= 2
        }
        var goesOn = true
        while goesOn, tries < triesMax {
            goesOn = false
            for place in best.indices.reversed() where place < best.count {
                let shorter = Array(best[..<place] + best[(place + 1)...])
                if try await isBetter(shorter) {
                    goesOn = true
                    continue
                }
                for simpler in best[place].simpler {
                    var candidate = best
                    candidate[place] = simpler
                    if try await isBetter(candidate) {
                        goesOn = true
                        break
                    }
                }
            }
        }
        return best
    }
}
